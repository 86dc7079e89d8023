"""The compact recording: each frame is written as what changed since the one before it.

A recording is cut into segments. A segment is a list of lines, each one frame as a JSON object, and can be read without
any other segment:

    t   the frame's time
    n   series that are new in this segment: [name, labels, unit, counter]
    l   a new layout: the numbers of the series that the frame holds, in order
    s   the number of an earlier layout; collectors mostly deliver the same series in the same order
    v   what changed: pairs of (positions skipped since the last one, value). A whole number is added to the series'
        last value, a number with a point replaces it. What is not mentioned kept its value.
    at  the samples' time where it is not `t`: one for all, or one for each
    e   the evidence; each observation holds the fields that differ from the last one about the same thing
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.evidence import ProcessSampled
from vmon_core.journal.codec import dump_evidence, to_json
from vmon_core.records import Frame, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.evidence import Evidence
    from vmon_core.journal.codec import Reader
    from vmon_core.records import Labels

    _Series = tuple[str, Labels, str, bool]
    _Identity = tuple[object, ...]

SEGMENT_SECONDS = 3600.0
"""How much time one segment spans at most: what is pruned at once, and read at most to get to a moment."""

SEGMENT_BYTES = 1_000_000
"""How much text one segment holds at most before it is packed."""

PROCESS_SECONDS = 2.0
"""A process whose status did not change is noted once in this time; verdicts look at ten seconds."""

_EXACT = 2.0**53
"""Whole numbers below this are exact in a float, so their differences are too."""

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What comes out of the decoder when a line is none, or does not belong to its segment."""

_IDENTITY = ("kind", "pid", "path", "what")
"""The fields that tell what an observation is about; they are always written."""


@attrs.frozen
class Line:
    """One encoded frame.

    Attributes:
        segment: the segment's id.
        target: the name of the deployment.
        opened: the time of the segment's first frame.
        time: the frame's time.
        text: the line.
    """

    segment: int
    target: str
    opened: float
    time: float
    text: str


class SegmentEncoder:
    """Encodes the frames of one segment of one deployment.

    Args:
        target: the name of the deployment.
        opened: the time of the first frame.
        process_seconds: how often a process whose status does not change is noted, 0 for every time.
    """

    def __init__(self, target: str, opened: float, process_seconds: float = PROCESS_SECONDS) -> None:
        self.id = random.getrandbits(62)
        self._target = target
        self._opened = opened
        self._last_time = opened
        self._size = 0
        self._series: dict[_Series, int] = {}
        self._layouts: dict[tuple[int, ...], int] = {}
        self._values: list[float] = []
        self._evidence: dict[_Identity, dict[str, Any]] = {}
        self._process_seconds = process_seconds
        self._processes: dict[int, ProcessSampled] = {}

    def takes(self, time: float) -> bool:
        """Whether a frame of this time still belongs here."""
        return self._size < SEGMENT_BYTES and self._last_time <= time <= self._opened + SEGMENT_SECONDS

    def encode(self, frame: Frame) -> Line:
        """Encode the next frame."""
        data: dict[str, Any] = {"t": frame.time}
        if frame.samples:
            data |= self._layout(frame.samples)
            data |= _times(frame)
        evidence = [self._changed_fields(e) for e in frame.evidence if self._is_news(e)]
        if evidence:
            data["e"] = evidence
        text = to_json(data)
        self._size += len(text)
        self._last_time = frame.time
        return Line(self.id, self._target, self._opened, frame.time, text)

    def _layout(self, samples: tuple[Sample, ...]) -> dict[str, Any]:
        known = len(self._series)
        layout = tuple([self._number(sample) for sample in samples])
        data: dict[str, Any] = {"n": list(self._series)[known:]} if len(self._series) > known else {}
        number = self._layouts.get(layout)
        if number is None:
            self._layouts[layout] = len(self._layouts)
            data["l"] = layout
        else:
            data["s"] = number
        changes = self._changes(layout, samples)
        return {**data, "v": changes} if changes else data

    def _number(self, sample: Sample) -> int:
        series = (sample.name, sample.labels, sample.unit, sample.counter)
        number = self._series.get(series)
        if number is None:
            number = self._series[series] = len(self._values)
            self._values.append(0.0)
        return number

    def _changes(self, layout: tuple[int, ...], samples: tuple[Sample, ...]) -> list[float]:
        changes: list[float] = []
        values, written = self._values, -1
        for position, (number, sample) in enumerate(zip(layout, samples, strict=True)):
            last, value = values[number], float(sample.value)
            if value != last:
                changes += (position - written - 1, _difference(last, value))
                values[number], written = value, position
        return changes

    def _is_news(self, evidence: Evidence) -> bool:
        if not isinstance(evidence, ProcessSampled):
            return True
        last = self._processes.get(evidence.pid)
        if (
            last is not None
            and last.status == evidence.status
            and 0 <= evidence.time - last.time < self._process_seconds
        ):
            return False
        self._processes[evidence.pid] = evidence
        return True

    def _changed_fields(self, evidence: Evidence) -> dict[str, Any]:
        data = dump_evidence(evidence)
        identity = _identity(data)
        last = self._evidence.get(identity, {})
        self._evidence[identity] = data
        return {k: v for k, v in data.items() if k in _IDENTITY or k not in last or last[k] != v}


class SegmentDecoder:
    """Decodes the lines of one segment, in order.

    Args:
        reader: reads the evidence and counts what cannot be read.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._series: list[_Series] = []
        self._layouts: list[list[int]] = []
        self._values: list[float] = []
        self._evidence: dict[_Identity, dict[str, Any]] = {}

    def decode(self, text: str) -> Frame:
        """Decode the next line.

        Raises:
            Exception: one of `UNREADABLE`; it is no line of this segment.
        """
        data = json.loads(text)
        for name, labels, unit, counter in data.get("n", ()):
            self._series.append((name, tuple((k, v) for k, v in labels), unit, counter))
            self._values.append(0.0)
        evidence = self._reader.all_evidence([self._complete(e) for e in data.get("e", ())])
        return Frame(data["t"], evidence, self._samples(data))

    def _complete(self, changed: dict[str, Any]) -> dict[str, Any]:
        identity = _identity(changed)
        data = self._evidence[identity] = {**self._evidence.get(identity, {}), **changed}
        return data

    def _samples(self, data: dict[str, Any]) -> tuple[Sample, ...]:
        if "l" in data:
            self._layouts.append(data["l"])
            layout = data["l"]
        elif "s" in data:
            layout = self._layouts[data["s"]]
        else:
            return ()
        times = data.get("at", data["t"])
        each = times if isinstance(times, list) else [times] * len(layout)
        values = self._apply(layout, data.get("v", ()))
        return tuple(self._sample(*sample) for sample in zip(layout, values, each, strict=True))

    def _apply(self, layout: list[int], changes: list[float]) -> list[float]:
        pairs = dict(_positions(changes))
        result: list[float] = []
        for position, number in enumerate(layout):
            if position in pairs:
                change = pairs[position]
                self._values[number] = self._values[number] + change if isinstance(change, int) else change
            result.append(self._values[number])
        return result

    def _sample(self, number: int, value: float, time: float) -> Sample:
        name, labels, unit, counter = self._series[number]
        return Sample(name, value, time, labels, unit, counter)


def _times(frame: Frame) -> dict[str, Any]:
    times = [sample.time for sample in frame.samples]
    if times.count(times[0]) < len(times):
        return {"at": times}
    return {} if times[0] == frame.time else {"at": times[0]}


def _difference(last: float, value: float) -> float:
    """What to write for a new value: a whole number where the difference is exact, else the value itself."""
    if value.is_integer() and last.is_integer() and abs(value) < _EXACT and abs(last) < _EXACT:
        return int(value - last)
    return value


def _positions(changes: list[float]) -> Iterator[tuple[int, float]]:
    position = -1
    for gap, value in zip(changes[::2], changes[1::2], strict=True):
        position += int(gap) + 1
        yield position, value


def _identity(data: dict[str, Any]) -> _Identity:
    return tuple(data.get(field) for field in _IDENTITY)
