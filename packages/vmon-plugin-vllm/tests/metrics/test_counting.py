"""What a scrape proves to the lifecycle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_vllm.metrics.counting import Counting, count
from vmon_plugin_vllm.metrics.exposition import ExpositionParser
from vmon_plugin_vllm.metrics.names import plan, to_samples

if TYPE_CHECKING:
    from vmon_core.evidence import EngineCounted

TRACES = Path(__file__).parents[4] / "tests" / "traces"
SLEEP = 'vllm:engine_sleep_state{{engine="{}",sleep_state="awake"}} {}\n'


def counted(text: str, counting: Counting | None = None, time: float = 1.0) -> EngineCounted:
    """The evidence of a scrape."""
    parsed = ExpositionParser().parse(text.encode())
    return (counting or Counting()).to_evidence(to_samples(parsed, time), time, offered=plan(parsed.layout).offered)


def recorded(name: str) -> str:
    """The text of a recorded scrape."""
    return (TRACES / name).read_text("utf-8")


def test_recorded_traffic() -> None:
    """A recorded scrape under load gives every count that this server offers."""
    seen = counted(recorded("overload/metrics-overload1.txt"))
    assert (seen.running, seen.generated, seen.prompted, seen.finished) == (4, 34918, 3193, 349)
    assert (seen.preemptions, seen.rejected, seen.asleep) == (0, 0, False)
    assert seen.steps is not None
    assert seen.steps > 0
    assert (seen.corrupted, seen.updating, seen.in_flight) == (None, None, None)


def test_sums_over_two_engines() -> None:
    """Data-parallel engines are summed."""
    text = recorded("dp2/metrics-end.txt")
    values = [float(line.split()[-1]) for line in text.splitlines() if line.startswith("vllm:generation_tokens_total{")]
    assert len(values) == 2
    assert counted(text).generated == sum(values) > 0


def test_nothing_offered_is_nothing_known() -> None:
    """With --disable-log-stats everything is None, nothing is zero."""
    seen = counted(recorded("no_log_stats/metrics-traffic.txt"))
    assert set(attrs.asdict(seen, filter=lambda a, _: a.name not in {"time", "summary"}).values()) == {None}


def test_offered_but_never_counted_is_zero() -> None:
    """A counter whose labelled series come with the first event has counted nothing so far."""
    assert counted("# TYPE vllm:admission_rejections_total counter\n").rejected == 0
    assert counted("").rejected is None


def test_vanished_counter_is_unknown() -> None:
    """A counter that is offered but lost its series is stale, not zero."""
    counting = Counting()
    head = "# TYPE vllm:num_preemptions_total counter\n"
    assert counted(head + "vllm:num_preemptions_total 5.0\n", counting).preemptions == 5
    assert counted(head, counting, 2.0).preemptions is None


def test_reset_is_no_step_back() -> None:
    """The counts of a restarted engine go on from where they were."""
    counting = Counting()
    counted("vllm:generation_tokens_total 50.0\n", counting)
    assert counted("vllm:generation_tokens_total 7.0\n", counting, 2.0).generated == 57


def test_asleep_when_no_engine_is_awake() -> None:
    """One engine that is awake is enough to serve."""
    assert counted(SLEEP.format(0, 0.0) + SLEEP.format(1, 1.0)).asleep is False
    assert counted(SLEEP.format(0, 0.0) + SLEEP.format(1, 0.0)).asleep is True


def test_updating() -> None:
    """Weight updates in flight are told once the server offers their gauge."""
    gauge = 'vllm:rl_weight_update_operations_in_flight{{operation="update"}} {}\n'
    assert [counted(gauge.format(value)).updating for value in (1.0, 0.0)] == [True, False]


def test_single_scrape() -> None:
    """A scrape without a past gives its raw sums, with the load that is known from elsewhere."""
    samples = to_samples(ExpositionParser().parse(recorded("dp2/metrics-end.txt").encode()), 3.0)
    seen = count(samples, 3.0, in_flight=2.0)
    assert (seen.time, seen.in_flight, seen.running) == (3.0, 2.0, 0)
