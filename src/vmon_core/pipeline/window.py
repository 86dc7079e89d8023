"""The recent past of one target, as analyzers see it."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING

import attrs

from vmon_core.lifecycle.states import LifecycleState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.evidence import Evidence
    from vmon_core.lifecycle.facts import Facts
    from vmon_core.records import Frame, Labels, Sample, Target

KEPT_SECONDS = 600.0
"""How much of the past a window holds; ten minutes span the longest bound that an analyzer of ours uses twice."""

KEPT_POINTS = 1200
"""The most points kept of one series: ten minutes at two a second."""

KEPT_EVIDENCE = 2000
"""The most observations kept; process samples are not among them, the facts hold their latest."""


@attrs.frozen
class Point:
    """One value of a series and its time."""

    time: float
    value: float


class Window:
    """Series and evidence of the last minutes; the pipeline fills it, analyzers only read it.

    Args:
        target: whose past it is.

    Attributes:
        now: the time of the newest frame, Unix seconds.
        state: the state that the target is in.
        since: when it entered that state.
        facts: what is known of the target's life: processes, failures, counters, requests to stop.
    """

    def __init__(self, target: Target, facts: Facts) -> None:
        self.target = target
        self.now = 0.0
        self.state = LifecycleState.UNKNOWN
        self.since = 0.0
        self.facts = facts
        self._series: dict[tuple[str, Labels], deque[Point]] = {}
        self._names: dict[str, list[Labels]] = {}
        self._ratios: set[str] = set()
        self._evidence: deque[Evidence] = deque(maxlen=KEPT_EVIDENCE)

    def add(self, frame: Frame) -> None:
        """Take in a frame and forget what is too old."""
        self.now = max(self.now, frame.time)
        for sample in frame.samples:
            self._points(sample).append(Point(sample.time, sample.value))
        self._evidence.extend(frame.evidence)

    def _points(self, sample: Sample) -> deque[Point]:
        key = (sample.name, sample.labels)
        points = self._series.get(key)
        if points is None:
            points = self._series[key] = deque(maxlen=KEPT_POINTS)
            self._names.setdefault(sample.name, []).append(sample.labels)
            if sample.unit == "ratio":
                self._ratios.add(sample.name)
        oldest = sample.time - KEPT_SECONDS
        while points and points[0].time < oldest:
            points.popleft()
        return points

    def label_sets(self, name: str) -> tuple[Labels, ...]:
        """The label sets seen under `name`."""
        return tuple(self._names.get(name, ()))

    def points(self, name: str, labels: Labels = ()) -> tuple[Point, ...]:
        """The points of one series, oldest first; empty when it was never seen."""
        return tuple(self._series.get((name, labels), ()))

    def newest_points(self) -> Iterator[tuple[str, Labels, str, Iterator[Point]]]:
        """Every series: its name, its labels, its unit where that is `ratio`, and its points, newest first."""
        for (name, labels), points in self._series.items():
            yield name, labels, "ratio" if name in self._ratios else "", reversed(points)

    def latest(self, name: str, *, within: float = 60.0) -> float | None:
        """The sum of the latest values under `name` over its label sets.

        Args:
            name: a canonical metric name.
            within: how old a value may be, in seconds.

        Returns:
            The sum, or None when no series is fresh: missing is not zero.
        """
        fresh = [p.value for p in self._last_points(name) if self.now - p.time <= within]
        return sum(fresh) if fresh else None

    def increase(self, name: str, seconds: float) -> float | None:
        """How much a counter grew, summed over its label sets and safe against resets.

        Args:
            name: a counter's canonical name.
            seconds: how far to look back.

        Returns:
            The growth, or None when there are not two points to compare.
        """
        growths = [g for labels in self.label_sets(name) if (g := self._growth(name, labels, seconds)) is not None]
        return sum(growths) if growths else None

    def _growth(self, name: str, labels: Labels, seconds: float) -> float | None:
        values = [p.value for p in self.points(name, labels) if self.now - p.time <= seconds]
        if len(values) < 2:  # noqa: PLR2004 (a difference needs two)
            return None
        pairs = itertools.pairwise(values)
        return sum(after - before if after >= before else after for before, after in pairs)

    def _last_points(self, name: str) -> Iterator[Point]:
        for labels in self.label_sets(name):
            yield self._series[name, labels][-1]

    def evidence(self, *kinds: type[Evidence], within: float = KEPT_SECONDS) -> Iterable[Evidence]:
        """The observations of these kinds in the last `within` seconds, oldest first; all kinds when none is named."""
        wanted = kinds or (object,)
        return (e for e in self._evidence if self.now - e.time <= within and isinstance(e, wanted))

    def newest_evidence(self) -> Iterator[Evidence]:
        """The observations, newest first."""
        return reversed(self._evidence)

    def flat(self) -> dict[str, float]:
        """The latest value of every series: each with its labels, as in `name{engine=0}`, and each name by itself.

        A name by itself stands for all its series: the highest for a ratio, the sum for everything else.
        """
        each = {_flat_name(name, labels): points[-1].value for (name, labels), points in self._series.items()}
        return {**each, **{name: self._together(name) for name in self._names}}

    def _together(self, name: str) -> float:
        values = [point.value for point in self._last_points(name)]
        return max(values) if name in self._ratios else sum(values)


def _flat_name(name: str, labels: Labels) -> str:
    return f"{name}{{{','.join(f'{k}={v}' for k, v in labels)}}}" if labels else name
