"""The rendered /metrics against the recordings that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vmon_testkit.standin.counters import Snapshot
from vmon_testkit.standin.exposition import (
    DIALECTS,
    ServerValues,
    bucket_bounds,
    number,
    read_template,
    render,
    translate,
)

if TYPE_CHECKING:
    from vmon_testkit.traces import TraceLibrary

FAMILIES = read_template()
NOTHING = ServerValues(values={}, created=1.7e9, extra={}, labels={})


def heads(text: str) -> list[str]:
    """Names and labels in order, comments included, values left out."""
    return [line if line.startswith("#") else line.rpartition(" ")[0] for line in text.splitlines()]


def test_an_idle_server_looks_as_recorded(traces: TraceLibrary) -> None:
    """Same comments, names, labels and order as the scrape of a real server that just became ready."""
    text = render(FAMILIES, [Snapshot.empty(bucket_bounds(FAMILIES))], NOTHING)
    assert heads(text) == heads(traces.load("healthy_eager").scrape("ready"))


def test_without_log_stats_no_engine_series_is_left(traces: TraceLibrary) -> None:
    """As in the recording, not one vllm: line is there."""
    text = render(FAMILIES, [], NOTHING)
    assert "vllm:" not in text
    assert heads(text) == heads(traces.load("no_log_stats").scrape("ready"))


def test_values_and_histograms_land_in_their_series() -> None:
    """A counter, a labelled counter and a histogram, read back with the reference parser."""
    snapshot = Snapshot.empty(bucket_bounds(FAMILIES))
    snapshot.add("vllm:generation_tokens_total", 7)
    snapshot.add("vllm:request_success_total|length", 2)
    snapshot.observe("vllm:request_params_n", 1.0)
    snapshot.observe("vllm:request_params_n", 3.0)
    text = render(FAMILIES, [snapshot], NOTHING)
    samples = {
        (sample.name, sample.labels.get("finished_reason"), sample.labels.get("le")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["vllm:generation_tokens_total", None, None] == 7
    assert samples["vllm:request_success_total", "length", None] == 2
    assert samples["vllm:request_success_total", "stop", None] == 0
    assert samples["vllm:request_params_n_bucket", None, "1.0"] == 1
    assert samples["vllm:request_params_n_bucket", None, "+Inf"] == 2
    assert samples["vllm:request_params_n_sum", None, None] == 4


def test_each_engine_has_its_series() -> None:
    """Two engines: every engine label value as often as the other."""
    bounds = bucket_bounds(FAMILIES)
    text = render(FAMILIES, [Snapshot.empty(bounds), Snapshot.empty(bounds)], NOTHING)
    assert text.count('engine="1"') == text.count('engine="0"') > 300


def test_a_snapshot_survives_the_link() -> None:
    """What one process dumps is what the other has."""
    bounds = bucket_bounds(FAMILIES)
    here, there = Snapshot.empty(bounds), Snapshot.empty(bounds)
    here.add("vllm:generation_tokens_total", 7)
    here.observe("vllm:request_params_n", 3.0)
    there.update(here.dump())
    assert there == here


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_stay_valid(dialect: str) -> None:
    """Renamed metrics parse, and at least one name is not the recorded one."""
    text = render(FAMILIES, [Snapshot.empty(bucket_bounds(FAMILIES))], NOTHING)
    renamed = translate(text, dialect)
    assert list(text_string_to_metric_families(renamed))
    assert "vllm:kv_cache_usage_perc" not in renamed


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.0"), (15326.0, "15326.0"), (1795489232.5, "1.7954892325e+09")])
def test_numbers_print_as_recorded(value: float, text: str) -> None:
    """The forms that the recordings show."""
    assert number(value) == text
