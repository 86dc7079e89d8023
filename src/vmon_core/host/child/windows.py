"""Keep a copy of a window in a child process: each analysis sends what is new since the one before."""

from __future__ import annotations

import pkgutil
from itertools import takewhile
from math import inf
from typing import TYPE_CHECKING, TypeVar

import attrs

from vmon_core.evidence import Evidence
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import Frame, Labels, Sample, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.pipeline.window import Point, Window

    _T = TypeVar("_T", Point, Evidence)

FIRST_SECONDS = 60.0
"""How much of the past a new copy is given of each series; it grows to what the window holds."""


@attrs.frozen
class Trace:
    """The new points of one series: pairs of time and value."""

    name: str
    labels: Labels
    unit: str
    points: tuple[tuple[float, float], ...]


@attrs.frozen(kw_only=True)
class News:
    """What a copy lacks.

    Attributes:
        kind: where the class of the window is; this layer must not import it.
        fresh: it is for a new copy.
        target, now, state, since, facts: as the window has them.
        traces, evidence: what was added.
    """

    kind: str
    fresh: bool
    target: Target
    now: float
    state: LifecycleState
    since: float
    facts: Facts
    traces: tuple[Trace, ...]
    evidence: tuple[Evidence, ...]

    def bring(self, window: Window | None) -> Window:
        """Bring a copy up to date; without one, or when the news begin anew, make one."""
        made = None if self.fresh else window
        copy: Window = made or pkgutil.resolve_name(self.kind)(self.target, self.facts)
        samples = (Sample(t.name, value, time, t.labels, t.unit) for t in self.traces for time, value in t.points)
        copy.add(Frame(self.now, self.evidence, tuple(samples)))
        copy.state, copy.since, copy.facts = self.state, self.since, self.facts
        return copy


class Reporter:
    """Knows what one copy of a window holds, and tells what is new since the last time."""

    def __init__(self) -> None:
        self._points: dict[tuple[str, Labels], Point] = {}
        self._observed: Evidence | None = None
        self._fresh = True

    def news(self, window: Window) -> News:
        """What is new in the window."""
        oldest = window.now - FIRST_SECONDS
        fresh, self._fresh = self._fresh, False
        evidence = _newer(window.newest_evidence(), self._observed, oldest=-inf)
        self._observed = evidence[-1] if evidence else self._observed
        return News(
            kind=f"{type(window).__module__}:{type(window).__qualname__}",
            fresh=fresh,
            target=window.target,
            now=window.now,
            state=window.state,
            since=window.since,
            facts=window.facts,
            traces=tuple(self._traces(window, oldest)),
            evidence=tuple(evidence),
        )

    def _traces(self, window: Window, oldest: float) -> Iterator[Trace]:
        for name, labels, unit, newest in window.newest_points():
            points = _newer(newest, self._points.get((name, labels)), oldest)
            if points:
                self._points[name, labels] = points[-1]
                yield Trace(name, labels, unit, tuple((p.time, p.value) for p in points))


def _newer(newest_first: Iterable[_T], last: _T | None, oldest: float) -> list[_T]:
    """What came after the last one that was told of, oldest first; times may repeat, objects do not."""
    found = list(takewhile(lambda item: item is not last, newest_first))[::-1]
    return found if last is not None else [item for item in found if item.time >= oldest]
