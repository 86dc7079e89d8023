"""The numbers that an engine keeps about itself and pushes to the API server."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.define
class Histogram:
    """Observations in buckets; `counts` is not cumulative.

    >>> histogram = Histogram((1.0, 5.0, float("inf")))
    >>> histogram.observe(1.0)
    >>> histogram.observe(7.5)
    >>> histogram.counts, histogram.total
    ([1, 0, 1], 8.5)
    """

    bounds: tuple[float, ...]
    counts: list[int] = attrs.field(init=False)
    total: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * len(self.bounds)

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@attrs.define
class Snapshot:
    """Everything that an engine counts, by the keys of `exposition.Sample`."""

    values: defaultdict[str, float] = attrs.field(factory=lambda: defaultdict(float))
    histograms: dict[str, Histogram] = attrs.field(factory=dict)

    @classmethod
    def empty(cls, bounds: Mapping[str, tuple[float, ...]]) -> Snapshot:
        """Zeros, with one histogram for each entry of `bounds`."""
        return cls(histograms={name: Histogram(uppers) for name, uppers in bounds.items()})

    def add(self, key: str, amount: float = 1.0) -> None:
        """Raise a counter."""
        self.values[key] += amount

    def observe(self, name: str, value: float) -> None:
        """Count a value in a histogram."""
        self.histograms[name].observe(value)

    def dump(self) -> dict[str, Any]:
        """As JSON, without the bounds, which both sides know."""
        histograms = {name: [item.counts, item.total] for name, item in self.histograms.items()}
        return {"values": self.values, "histograms": histograms}

    def update(self, data: dict[str, Any]) -> None:
        """Take over what `dump` made in another process."""
        self.values = defaultdict(float, data["values"])
        for name, (counts, total) in data["histograms"].items():
            self.histograms[name].counts = counts
            self.histograms[name].total = total
