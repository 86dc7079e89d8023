"""How long a GPU was slowed down, and why: by what its firmware accumulates.

`amdsmi_get_violation_status` tells the same, and sleeps for a tenth of a second in each call; the table of metrics has
the same counters without a pause. Each counts those of the firmware's own turns (`accumulation_counter`) in which its
reason held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_amd.figures import TABLE
from vmon_plugin_amd.metrics import sample
from vmon_plugin_amd.values import at, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample
    from vmon_plugin_amd.figures import Answers

REASONS = {
    "prochot_residency_acc": "hw_prochot",
    "ppt_residency_acc": "sw_power_cap",
    "socket_thm_residency_acc": "hw_thermal",
    "vr_thm_residency_acc": "regulator_thermal",
    "hbm_thm_residency_acc": "memory_thermal",
}
"""The table's columns, and what the reason is called here."""

_ANY = ("throttle_status", "indep_throttle_status")
"""Columns of older tables, of which the binding only tells whether any bit is set."""


class Throttle:
    """Remembers the counters of one GPU.

    Args:
        gpu: its label.
    """

    def __init__(self, gpu: str) -> None:
        self._gpu = gpu
        self._before: dict[str, float] = {}
        self._read_at = 0.0
        self._seconds: dict[str, float] = {}

    def read(self, answers: Answers, time: float) -> Iterator[Sample]:
        """Tell whether it is slowed down, and for how long it was since this object was made."""
        table = answers.of(TABLE)
        turns = number(at(table, "accumulation_counter"))
        counted = {column: value for column in REASONS if (value := number(at(table, column))) is not None}
        if turns is None or not counted:
            yield from self._any(table, time)
            return
        passed = turns - self._before.get("turns", turns)
        for column, value in counted.items():
            yield from self._reason(column, value, passed, time)
        self._before = {**counted, "turns": turns}
        self._read_at = time

    def _reason(self, column: str, value: float, passed: float, time: float) -> Iterator[Sample]:
        reason = REASONS[column]
        grown = value - self._before.get(column, value)
        if passed > 0 <= grown:
            share = min(grown / passed, 1.0)
            self._seconds[reason] = self._seconds.get(reason, 0.0) + share * max(time - self._read_at, 0.0)
            yield sample("gpu.throttled", float(grown > 0), time, self._gpu, reason=reason)
        yield sample("gpu.throttle.time", self._seconds.get(reason, 0.0), time, self._gpu, reason=reason)

    def _any(self, table: object, time: float) -> Iterator[Sample]:
        told = [value for column in _ANY if isinstance(value := at(table, column), bool)]
        if told:
            yield sample("gpu.throttled", float(any(told)), time, self._gpu, reason="any")
