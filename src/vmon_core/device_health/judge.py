"""The judgement of one device: how well it is, why, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.device_health.symptoms import APPLICATION, Symptom, symptoms
from vmon_core.evidence import Health, Recovery

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmon_core.device_health.readings import Readings

_BADNESS = {Health.HEALTHY: 0, Health.UNKNOWN: 0, Health.DEGRADED: 1, Health.UNHEALTHY: 2}

_EFFORT: dict[Recovery, int] = {**{recovery: effort for effort, recovery in enumerate(Recovery)}, Recovery.UNKNOWN: 0}
"""How far each recovery goes; a farther one covers those before it."""

_NOTHING_TOLD = Symptom("unknown", Health.UNKNOWN, "nothing by which it could be judged is told")


@attrs.frozen
class Judgement:
    """How well a device is.

    Attributes:
        health: the worst that a symptom speaks for; `UNKNOWN` where nothing is told.
        symptoms: what speaks against it, the worst first; for `UNKNOWN`, why.
        recovery: what would help: what the driver asks for, else the farthest that a symptom needs.
    """

    health: Health
    symptoms: tuple[Symptom, ...] = ()
    recovery: Recovery = Recovery.NONE

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, a sentence each."""
        return tuple(symptom.reason for symptom in self.symptoms)

    @property
    def codes(self) -> tuple[str, ...]:
        """The symptoms' codes, in the order of the reasons."""
        return tuple(symptom.code for symptom in self.symptoms)


def judge(readings: Readings, peers: Sequence[Readings] = ()) -> Judgement:
    """Judge a device; a pure function.

    Args:
        readings: what is remembered of it.
        peers: what is remembered of the others of the same kind and model.

    Returns:
        The judgement. A device of which nothing is known is neither well nor ill.

    >>> from vmon_core.device_health.readings import Readings
    >>> device = Readings("nvidia:3", now=60.0)
    >>> judge(device).health.value
    'unknown'
    >>> device.take("gpu.rows.pending", 1.0, 60.0)
    >>> judge(device).health.value, judge(device).recovery.value
    ('degraded', 'reset_device')
    """
    return conclude(readings, symptoms(readings, peers))


def conclude(readings: Readings, found: Iterable[Symptom]) -> Judgement:
    """Judge a device by symptoms that were found."""
    worst_first = sorted(found, key=lambda s: -_BADNESS[s.health])
    if worst_first:
        return Judgement(worst_first[0].health, tuple(worst_first), _recovery(readings, worst_first))
    return Judgement(Health.HEALTHY) if readings.tells else Judgement(Health.UNKNOWN, (_NOTHING_TOLD,))


def _recovery(readings: Readings, found: Iterable[Symptom]) -> Recovery:
    if readings.recovery is not None and readings.recovery not in APPLICATION:
        return readings.recovery
    return max((s.recovery for s in found), key=lambda recovery: _EFFORT[recovery])
