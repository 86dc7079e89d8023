"""From any server's names to ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmon_core.records import Sample
from vmon_plugin_vllm.metrics.exposition import ExpositionParser, Parsed
from vmon_plugin_vllm.metrics.names import DIALECTS, dialect, plan, to_sample, to_samples

TRACES = Path(__file__).parents[4] / "tests" / "traces"


def parse(text: str) -> Parsed:
    """Parse a scrape of its own."""
    return ExpositionParser().parse(text.encode())


def recorded(name: str) -> str:
    """The text of a recorded scrape."""
    return (TRACES / name).read_text("utf-8")


def test_samples_of_a_recording() -> None:
    """Gauges and counters come under our names with unit, kind and all their labels."""
    samples = {sample.name: sample for sample in to_samples(parse(recorded("overload/metrics-overload1.txt")), 5.0)}
    labels = (("engine", "0"), ("model_name", "tiny"))
    assert samples["vllm.requests.running"] == Sample("vllm.requests.running", 4.0, 5.0, labels, "requests")
    assert samples["vllm.tokens.generated"] == Sample(
        "vllm.tokens.generated", 34918.0, 5.0, labels, "tokens", counter=True
    )
    assert samples["vllm.engine.steps"].counter
    assert samples["vllm.requests.finished"].labels[1][0] == "finished_reason"
    assert samples["vllm.http.requests"].value > 0


def test_creation_times_infos_and_histograms_are_no_samples() -> None:
    """What is no plain number is left out."""
    samples = to_samples(parse(recorded("all_metrics/metrics-end.txt")), 0.0)
    assert len(samples) < 60
    assert not any("created" in sample.name for sample in samples)
    assert {"vllm.kv_cache.config", "vllm.latency.ttft", "vllm.api_server.python"}.isdisjoint(s.name for s in samples)
    assert not any(name == "le" for s in samples for name, _ in s.labels)


@pytest.mark.parametrize("prefix", DIALECTS)
def test_dialects(prefix: str) -> None:
    """The same server behind another prefix gives the same samples, histograms and dialect."""
    native = recorded("overload/metrics-overload1.txt")
    there, here = parse(native.replace("vllm:", prefix)), parse(native)
    assert dialect(there.layout) == prefix
    assert to_samples(there, 1.0) == to_samples(here, 1.0)
    assert [h.metric for h in plan(there.layout).histograms] == [h.metric for h in plan(here.layout).histograms]


def test_no_metrics_of_vllm() -> None:
    """With --disable-log-stats there is no dialect and no vLLM sample, but the API server's own."""
    parsed = parse(recorded("no_log_stats/metrics-traffic.txt"))
    assert dialect(parsed.layout) is None
    names = {sample.name for sample in to_samples(parsed, 0.0)}
    assert "vllm.api_server.rss" in names
    assert not any(name.startswith(("vllm.requests", "vllm.tokens", "vllm.engine")) for name in names)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vllm:gpu_cache_usage_perc 0.5", "vllm.kv_cache.usage"),
        ("vllm:gpu_prefix_cache_hits_total 0.5", "vllm.prefix_cache.hits"),
        ("vllm:gpu_prefix_cache_hits 0.5", "vllm.prefix_cache.hits"),
        ("vllm:generation_tokens 0.5", "vllm.tokens.generated"),
        ("# TYPE vllm:generation_tokens counter\nvllm:generation_tokens 0.5", "vllm.tokens.generated"),
        ("vllm:iteration_tokens_total_count 0.5", "vllm.engine.steps"),
    ],
)
def test_other_versions(text: str, name: str) -> None:
    """Old names, counters without `_total`, and texts without types are understood."""
    assert to_samples(parse(text), 2.0) == [Sample(name, 0.5, 2.0, (), *_unit_and_kind(name))]


def _unit_and_kind(name: str) -> tuple[str, bool]:
    return {"vllm.kv_cache.usage": ("ratio", False), "vllm.engine.steps": ("steps", True)}.get(name, ("tokens", True))


@pytest.mark.parametrize("order", [1, -1])
def test_current_name_outranks_the_old_one(order: int) -> None:
    """A server in transition shows both; the series counts once, whichever comes first."""
    lines = ["vllm:kv_cache_usage_perc 0.75", "vllm:gpu_cache_usage_perc 0.5"][::order]
    assert [sample.value for sample in to_samples(parse("\n".join(lines)), 0.0)] == [0.75]


@pytest.mark.parametrize("order", [1, -1])
def test_current_histogram_outranks_the_old_one(order: int) -> None:
    """The same holds for histograms, whose parts are not mixed."""
    lines = [
        'vllm:inter_token_latency_seconds_bucket{le="+Inf"} 7',
        'vllm:time_per_output_token_seconds_bucket{le="1.0"} 3',
    ]
    parsed = parse("\n".join(lines[::order]))
    (histogram,) = plan(parsed.layout).histograms
    assert [(edge, parsed.values[position]) for edge, position in histogram.buckets] == [(float("inf"), 7)]


def test_offered_without_series() -> None:
    """A family without a series yet is offered; an absent one is not."""
    offered = plan(parse("# TYPE vllm:corrupted_requests_total counter\n").layout).offered
    assert offered == {"vllm.requests.corrupted"}


def test_plan_is_made_once_for_a_layout() -> None:
    """Scrapes that share a layout share its plan."""
    parser = ExpositionParser()
    first, second = (
        parser.parse(b"vllm:generation_tokens_total 1.0\n"),
        parser.parse(b"vllm:generation_tokens_total 2.0\n"),
    )
    assert plan(first.layout) is plan(second.layout)


def test_single_series() -> None:
    """A series without its scrape is named just so; what is no plain number gives nothing."""
    labels = (("engine", "0"),)
    assert to_sample("ray_vllm_num_requests_running", labels, 3.0, 1.0) == Sample(
        "vllm.requests.running", 3.0, 1.0, labels, "requests"
    )
    for name in (
        "vllm:time_to_first_token_seconds_bucket",
        "vllm:cache_config_info",
        "vllm:prompt_tokens_created",
        "up",
    ):
        assert to_sample(name, labels, 1.0, 1.0) is None


def test_nonsense_edges_are_passed_over() -> None:
    """Buckets without a readable edge belong to no histogram."""
    text = 'vllm:e2e_request_latency_seconds_bucket{le="much"} 1\nvllm:e2e_request_latency_seconds_bucket 1\n'
    assert plan(parse(text).layout).histograms == ()
