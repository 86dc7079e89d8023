"""Slowdowns: from the firmware's counters to seconds, by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_amd.throttle import Throttle

if TYPE_CHECKING:
    from conftest import Bench


def test_seconds_are_a_share_of_the_time(bench: Bench) -> None:
    """Half of the firmware's turns in five seconds are two and a half; other reasons stay at zero."""
    bench.figures()
    bench.fake.change(gpu=0, turns=2000, hot=500)
    found = bench.figures()
    assert found["gpu.throttled hw_thermal"] == 1
    assert found["gpu.throttle.time hw_thermal"] == pytest.approx(2.5)
    assert (found["gpu.throttled hw_prochot"], found["gpu.throttle.time hw_prochot"]) == (0, 0)
    bench.fake.change(gpu=0, turns=3000)
    found = bench.figures()
    assert (found["gpu.throttled hw_thermal"], found["gpu.throttle.time hw_thermal"]) == (0, pytest.approx(2.5))


def test_counters_that_begin_anew_are_no_slowdown(bench: Bench) -> None:
    """After a reset they are lower; that tells nothing, and the time goes on counting."""
    bench.fake.change(gpu=0, turns=5000, hot=4000)
    bench.figures()
    bench.fake.change(gpu=0, turns=10, hot=0)
    assert "gpu.throttled hw_thermal" not in bench.figures()
    bench.fake.change(gpu=0, turns=20)
    assert bench.figures()["gpu.throttle.time hw_thermal"] == 0


class Table:
    """Answers with an older table."""

    def __init__(self, **columns: object) -> None:
        self._columns = columns

    def of(self, function: str) -> object:
        """Whatever is asked."""
        return self._columns


@pytest.mark.parametrize(("status", "expected"), [(True, [1.0]), (False, [0.0]), ("N/A", [])])
def test_older_tables_tell_that_there_is_any(status: object, expected: list[float]) -> None:
    """Of their bits the binding only keeps whether one is set."""
    samples = list(Throttle("0").read(Table(throttle_status=status), 0.0))  # type: ignore[arg-type]  # all that is asked of it
    assert [sample.value for sample in samples] == expected
