"""Histograms, and quantiles that do not claim more than the buckets know.

A bucket says how many values lay below its edge, not where. A quantile is therefore a range between two edges; to
interpolate within it would invent a value.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_vllm.metrics.names import plan

if TYPE_CHECKING:
    from vmon_core.records import Labels
    from vmon_plugin_vllm.metrics.exposition import Parsed


@attrs.frozen
class Quantile:
    """Where a quantile lies.

    Attributes:
        q: which one, 0 to 1.
        low: the edge that it is above.
        high: the edge that it is not above; infinite when it lies beyond the last edge.
        count: how many values it was taken from.
    """

    q: float
    low: float
    high: float
    count: float

    @property
    def saturated(self) -> bool:
        """Whether the value lies beyond the last finite edge, so that only a lower limit is known."""
        return math.isinf(self.high)

    @property
    def resolution(self) -> float:
        """The width of the bucket: the most by which either edge can be wrong."""
        return self.high - self.low


@attrs.frozen
class Histogram:
    """Cumulative buckets, as they are exposed.

    Attributes:
        edges: upper edges, ascending.
        counts: how many values were not above each edge.
        sum: the sum of all values, None where it is not exposed.

    >>> Histogram((0.1, 0.5, math.inf), (10, 90, 100)).quantile(0.5)
    Quantile(q=0.5, low=0.1, high=0.5, count=100)
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    sum: float | None = None

    @property
    def count(self) -> float:
        """How many values there are."""
        return self.counts[-1] if self.counts else 0.0

    def since(self, earlier: Histogram) -> Histogram:
        """Take away what an earlier scrape already had.

        Args:
            earlier: the same histogram before.

        Returns:
            The values that came since. After a reset (a count fell) or when the buckets changed, those are all.
        """
        fell = any(now < before for now, before in zip(self.counts, earlier.counts, strict=False))
        if fell or self.edges != earlier.edges:
            return self
        counts = tuple(now - before for now, before in zip(self.counts, earlier.counts, strict=True))
        added = None if self.sum is None or earlier.sum is None else self.sum - earlier.sum
        return Histogram(self.edges, counts, added)

    def quantile(self, q: float) -> Quantile | None:
        """Find the bucket in which a quantile lies, by the nearest-rank definition.

        Args:
            q: which quantile, 0 to 1; 0.5 is the median.

        Returns:
            Its range, None when there are no values.

        Raises:
            ValueError: `q` is outside of 0 to 1.
        """
        if not 0 <= q <= 1:
            msg = f"a quantile lies between 0 and 1, not at {q}"
            raise ValueError(msg)
        if not self.count > 0:
            return None
        rank = max(1, math.ceil(q * self.count))
        index = bisect_left(self.counts, rank)
        return Quantile(q, self._low(index), self.edges[index], self.count)

    def _low(self, index: int) -> float:
        if index:
            return self.edges[index - 1]
        return 0.0 if self.edges[0] > 0 else -math.inf


def histograms(parsed: Parsed) -> dict[tuple[str, Labels], Histogram]:
    """Read the histograms of a scrape.

    Args:
        parsed: the scrape.

    Returns:
        Each by our name and its labels without `le`.
    """
    values = parsed.values
    return {
        (columns.metric.name, columns.labels): Histogram(
            edges=tuple(edge for edge, _ in columns.buckets),
            counts=tuple(values[position] for _, position in columns.buckets),
            sum=None if columns.sum is None else values[columns.sum],
        )
        for columns in plan(parsed.layout).histograms
    }
