"""Counters that survive the restart of an engine.

Whether a counter is there, is there no longer, or was never offered makes a difference: none of these is zero.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Labels, Sample


class Freshness(StrEnum):
    """Whether a value can be believed: never seen, seen once but not in the latest scrape, or just seen."""

    MISSING = "missing"
    STALE = "stale"
    FRESH = "fresh"


@attrs.define
class Counter:
    """One series of a counter.

    A counter that falls was reset by a new process. What it had counted until then is kept, so that `total` never
    falls. (What the old process counted after its last scrape is lost; nobody can know it.)

    Attributes:
        value: the number in the latest scrape that had it.
        time: the time of that scrape, Unix seconds; None before the first.
        total: the count over all lives.

    >>> counter = Counter()
    >>> for time, value in enumerate([10, 15, 2]):
    ...     counter.observe(value, time)
    >>> counter.total
    17.0
    """

    value: float = 0.0
    time: float | None = None
    total: float = 0.0

    def observe(self, value: float, time: float) -> None:
        """Take the number of a scrape."""
        self.total += value - self.value if value >= self.value else value
        self.value, self.time = value, time

    def freshness(self, latest: float) -> Freshness:
        """Whether it was in the scrape of the time `latest`."""
        if self.time is None:
            return Freshness.MISSING
        return Freshness.FRESH if self.time >= latest else Freshness.STALE


class Counters:
    """The counters of one target over all its engines, scrape after scrape."""

    def __init__(self) -> None:
        self._series: dict[str, dict[Labels, Counter]] = {}
        self._latest = 0.0

    def observe(self, samples: Iterable[Sample], time: float) -> None:
        """Take the samples of a scrape.

        Args:
            samples: those of all kinds; only counters are looked at.
            time: when it was taken, Unix seconds.
        """
        self._latest = time
        for sample in samples:
            if sample.counter:
                series = self._series.setdefault(sample.name, {})
                series.setdefault(sample.labels, Counter()).observe(sample.value, time)

    def freshness(self, name: str) -> Freshness:
        """Whether any series of a counter was in the latest scrape.

        Args:
            name: one of our names.

        Returns:
            The state of its freshest series.
        """
        found = {counter.freshness(self._latest) for counter in self._series.get(name, {}).values()}
        return next((state for state in (Freshness.FRESH, Freshness.STALE) if state in found), Freshness.MISSING)

    def total(self, name: str) -> float | None:
        """Sum a counter over engines and lives.

        Args:
            name: one of our names.

        Returns:
            The sum, None unless it is fresh. An engine that left keeps its share: what was counted stays counted.
        """
        if self.freshness(name) is not Freshness.FRESH:
            return None
        return sum(counter.total for counter in self._series[name].values())
