"""The window: sums, growth across resets, and missing that stays missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.lifecycle.facts import Facts
from vmon_core.pipeline.window import KEPT_SECONDS, Window
from vmon_core.records import Frame, Sample, Target


def window(*samples: Sample) -> Window:
    """A window that has seen these samples, in order."""
    made = Window(Target(name="t"), Facts())
    for sample in samples:
        made.add(Frame(sample.time, samples=(sample,)))
    return made


def test_latest_sums_over_label_sets() -> None:
    """A name stands for all its series together."""
    seen = window(Sample("running", 2, 1.0, (("engine", "0"),)), Sample("running", 3, 1.0, (("engine", "1"),)))
    assert seen.latest("running") == 5


def test_missing_and_stale_are_none() -> None:
    """What was never seen, or long ago, has no value."""
    seen = window(Sample("old", 1, 0.0), Sample("new", 1, 100.0))
    assert seen.latest("absent") is None
    assert seen.latest("old") is None


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=50))
def test_increase_never_is_negative(values: list[int]) -> None:
    """A counter that falls was reset: what it counts since then is growth."""
    growth = window(*(Sample("c", v, float(i)) for i, v in enumerate(values))).increase("c", 1000.0)
    assert growth is not None
    assert growth >= 0


def test_increase_needs_two_points() -> None:
    """One value is no difference."""
    assert window(Sample("c", 5, 1.0)).increase("c", 60.0) is None


def test_old_points_are_forgotten() -> None:
    """Memory does not grow with time."""
    seen = window(*(Sample("c", 1, float(t)) for t in range(int(KEPT_SECONDS) * 3)))
    assert len(seen.points("c")) == pytest.approx(KEPT_SECONDS, abs=2)


def test_flat_names() -> None:
    """Checkpoints show each series by a flat name, and all series of a name together."""
    one, two = (("engine", "0"),), (("engine", "1"),)
    seen = window(Sample("a", 1, 1.0), Sample("b", 2, 1.0, one), Sample("b", 3, 1.0, two))
    assert seen.flat() == {"a": 1, "b{engine=0}": 2, "b{engine=1}": 3, "b": 5}


def test_ratios_are_not_added() -> None:
    """Two engines at 60 % are not one at 120 %."""
    one, two = (("engine", "0"),), (("engine", "1"),)
    seen = window(Sample("kv", 0.6, 1.0, one, "ratio"), Sample("kv", 0.7, 1.0, two, "ratio"))
    assert seen.flat()["kv"] == 0.7
