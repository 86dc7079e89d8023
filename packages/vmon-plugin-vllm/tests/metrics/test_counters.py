"""Counters over resets, and how fresh they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmon_core.records import Sample
from vmon_plugin_vllm.metrics.counters import Counter, Counters, Freshness

NAME = "vllm.tokens.generated"


def sample(value: float, time: float, engine: str = "0", *, counter: bool = True) -> Sample:
    """One engine's counter."""
    return Sample(NAME, value, time, (("engine", engine),), "tokens", counter)


def test_sum_over_engines() -> None:
    """The total is that of all engines."""
    counters = Counters()
    counters.observe([sample(3, 1.0), sample(4, 1.0, "1")], 1.0)
    assert counters.total(NAME) == 7


def test_restart_of_one_engine_loses_nothing() -> None:
    """An engine that counts from zero again adds to what it had counted."""
    counters = Counters()
    for time, values in enumerate([(100, 10), (110, 20), (5, 30)]):
        counters.observe([sample(value, time, str(engine)) for engine, value in enumerate(values)], time)
    assert counters.total(NAME) == 110 + 5 + 30


def test_engine_that_leaves_keeps_its_share() -> None:
    """Scaling down does not look like counting backwards."""
    counters = Counters()
    counters.observe([sample(3, 1.0), sample(4, 1.0, "1")], 1.0)
    counters.observe([sample(5, 2.0)], 2.0)
    assert counters.total(NAME) == 9


def test_missing_stale_fresh() -> None:
    """Never seen, no longer seen and just seen are three states, and only the last has a total."""
    counters = Counters()
    assert (counters.freshness(NAME), counters.total(NAME)) == (Freshness.MISSING, None)
    counters.observe([sample(0, 1.0)], 1.0)
    assert (counters.freshness(NAME), counters.total(NAME)) == (Freshness.FRESH, 0)
    counters.observe([], 2.0)
    assert (counters.freshness(NAME), counters.total(NAME)) == (Freshness.STALE, None)


def test_gauges_are_not_counted() -> None:
    """Only counters are looked at."""
    counters = Counters()
    counters.observe([sample(3, 1.0, counter=False)], 1.0)
    assert counters.freshness(NAME) is Freshness.MISSING


@given(st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=5), min_size=1, max_size=5))
def test_any_number_of_lives(lives: list[list[int]]) -> None:
    """The total never falls, and is the sum of what each life reached as far as its end can be seen."""
    counter, totals, time = Counter(), [], 0.0
    for life in lives:
        for value in sorted(life):
            counter.observe(value, time)
            totals.append(counter.total)
            time += 1.0
    assert totals == sorted(totals)
    seen = [value for life in lives for value in sorted(life)]
    ends = [old for old, new in zip(seen, [*seen[1:], -1], strict=True) if new < old]
    assert counter.total == sum(ends)
