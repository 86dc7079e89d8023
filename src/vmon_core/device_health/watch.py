"""Watch the health of all devices of one kind: what a plugin read goes in, what it should tell comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.device_health.judge import Judgement, conclude
from vmon_core.device_health.readings import JUDGED, RESET_SIGN, Readings
from vmon_core.device_health.symptoms import Symptom, symptoms
from vmon_core.evidence import DeviceEvent, DeviceJudged, Health, Recovery
from vmon_core.records import Labels, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.evidence import Evidence

TELL_EVERY = 60.0
"""Seconds between two judgements that say the same."""

HOLD_SECONDS = 60.0
"""Seconds for which a symptom counts after it was last seen, so that one that comes and goes is told once."""

KEPT_CODES = 64
"""The most codes of events counted for one device; the rest is counted as `other`."""

_LEVEL = {Health.HEALTHY: 0.0, Health.DEGRADED: 1.0, Health.UNHEALTHY: 2.0}
"""The values of `gpu.health`; a device of unknown health has none."""

_READ = JUDGED | {RESET_SIGN}


@attrs.frozen
class DeviceState:
    """What a driver says of a device beside its figures.

    Attributes:
        label: its number as metrics call it: `3`, or `3.1` for an instance.
        model: the product's name.
        lost: the driver knows it and cannot reach it.
        recovery: what the driver says would help; None where it does not say.
    """

    label: str
    model: str = ""
    lost: bool = False
    recovery: Recovery | None = None


@attrs.define
class _Patient:
    """One device, and what was told of it."""

    label: str
    readings: Readings
    labels: Labels
    held: dict[str, tuple[Symptom, float]] = attrs.field(factory=dict)
    judgement: Judgement | None = None
    told_at: float = 0.0
    counts: dict[str, int] = attrs.field(factory=dict)

    def count(self, code: str, times: int) -> None:
        known = code in self.counts or len(self.counts) < KEPT_CODES
        key = code if known else "other"
        self.counts[key] = self.counts.get(key, 0) + times


class HealthWatch:
    """Judges the devices of one kind over and over.

    Args:
        kind: the vendor's short name, as in `Device.kind`.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._patients: dict[str, _Patient] = {}
        self._split: dict[Labels, tuple[str, Labels]] = {}

    def look(
        self,
        now: float,
        states: Iterable[DeviceState],
        samples: Iterable[Sample] = (),
        events: Iterable[DeviceEvent] = (),
        *,
        measured: bool = True,
    ) -> list[Evidence | Sample]:
        """Take in what was read, and judge.

        Args:
            now: the moment, Unix seconds.
            states: every device that is known, those included of which nothing could be read.
            samples: its figures under canonical names, with the labels `gpu` and `kind`.
            events: what happened since the last time; those about no known device are left to the caller.
            measured: the devices were measured for this. A look for the sake of events sends no `gpu.health`, by whose
                pace silence is noticed.

        Returns:
            A `DeviceJudged` for each device whose judgement changed, and for each once a minute; a `DeviceEvent` for
            each symptom that appeared, unless one of `events` told it; samples of `gpu.health` and `gpu.events`.
        """
        here = [self._admit(state, now) for state in states]
        self._take(samples)
        self._note(events)
        found: list[Evidence | Sample] = []
        for patient in here:
            found += self._judge(patient, now, measured=measured)
        return found

    def tell_anew(self) -> None:
        """Tell every judgement at the next look: after a silence, others hold the devices for unknown."""
        for patient in self._patients.values():
            patient.told_at = float("-inf")

    def judgement(self, label: str) -> Judgement | None:
        """The latest judgement of a device; None when it was never looked at."""
        patient = self._patients.get(label)
        return patient.judgement if patient is not None else None

    def _admit(self, state: DeviceState, now: float) -> _Patient:
        patient = self._patients.get(state.label)
        if patient is None:
            labels = (("gpu", state.label), ("kind", self._kind))
            patient = _Patient(state.label, Readings(f"{self._kind}:{state.label}"), labels)
            self._patients[state.label] = patient
        readings = patient.readings
        readings.model, readings.lost, readings.recovery, readings.now = state.model, state.lost, state.recovery, now
        return patient

    def _take(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            if sample.name not in _READ:
                continue
            split = self._split.get(sample.labels)
            if split is None:
                split = self._split[sample.labels] = _apart(sample.labels)
            patient = self._patients.get(split[0])
            if patient is not None:
                patient.readings.take(sample.name, sample.value, sample.time, split[1])

    def _note(self, events: Iterable[DeviceEvent]) -> None:
        for event in events:
            patient = self._patients.get(event.device.removeprefix(f"{self._kind}:"))
            if patient is not None:
                patient.readings.note(event)
                patient.count(event.code, event.count)

    def _judge(self, patient: _Patient, now: float, *, measured: bool) -> Iterator[Evidence | Sample]:
        before, patient.judgement = patient.judgement, self._judgement(patient, now)
        judgement = patient.judgement
        yield from self._appeared(patient, before, now)
        if before is None or _gist(before) != _gist(judgement) or now - patient.told_at >= TELL_EVERY:
            patient.told_at = now
            yield _told(patient.readings.device, judgement, now)
        if measured and judgement.health in _LEVEL:
            yield Sample("gpu.health", _LEVEL[judgement.health], now, patient.labels)
        for code, count in patient.counts.items():
            labels = (("code", code), *patient.labels)
            yield Sample("gpu.events", float(count), now, labels, counter=True)

    def _judgement(self, patient: _Patient, now: float) -> Judgement:
        readings = patient.readings
        peers = [
            other.readings
            for other in self._patients.values()
            if other is not patient and readings.model and other.readings.model == readings.model
        ]
        held = {code: (symptom, seen) for code, (symptom, seen) in patient.held.items() if now - seen < HOLD_SECONDS}
        patient.held = held | {symptom.code: (symptom, now) for symptom in symptoms(readings, peers)}
        return conclude(readings, [symptom for symptom, _ in patient.held.values()])

    def _appeared(self, patient: _Patient, before: Judgement | None, now: float) -> Iterator[DeviceEvent]:
        """Symptoms that were not there a moment ago; those that come from an event are told by it."""
        told = (noted.event.code for noted in patient.readings.events() if now - noted.event.time < HOLD_SECONDS)
        known = {*(before.codes if before else ()), *told}
        for symptom in patient.judgement.symptoms if patient.judgement else ():
            if symptom.code not in known and symptom.health is not Health.UNKNOWN:
                patient.count(symptom.code, 1)
                yield DeviceEvent(
                    time=now,
                    summary=symptom.reason,
                    device=patient.readings.device,
                    code=symptom.code,
                    recovery=symptom.recovery,
                )


def _apart(labels: Labels) -> tuple[str, Labels]:
    """The device's label, and the labels that tell its series apart."""
    told = dict(labels)
    return told.get("gpu", ""), tuple((name, value) for name, value in labels if name not in {"gpu", "kind"})


def _gist(judgement: Judgement) -> tuple[Health, frozenset[str], Recovery]:
    """What makes a judgement another one; figures in the reasons do not."""
    return judgement.health, frozenset(judgement.codes), judgement.recovery


def _told(device: str, judgement: Judgement, now: float) -> DeviceJudged:
    return DeviceJudged(
        time=now,
        summary=f"{device} is {judgement.health}",
        device=device,
        health=judgement.health,
        reasons=judgement.reasons,
        codes=judgement.codes,
        recovery=judgement.recovery,
    )
