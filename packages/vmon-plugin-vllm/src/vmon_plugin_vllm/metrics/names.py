"""From the names that a server uses to ours.

What a series is called depends on vLLM's version (renames) and on who serves the metrics (prefixes). Both are data.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import attrs

from vmon_core.records import Labels, Sample
from vmon_plugin_vllm.metrics.catalogue import Kind, Metric, metrics, renames

if TYPE_CHECKING:
    from vmon_plugin_vllm.metrics.exposition import Parsed
    from vmon_plugin_vllm.metrics.families import Layout
    from vmon_plugin_vllm.metrics.grammar import Series

DIALECTS = ("vllm:", "vllm_", "ray_vllm:", "ray_vllm_", "kserve_vllm:", "kserve_vllm_")
"""The prefixes in use: vLLM's own, its Ray Serve wrapper's (Ray replaces the colon and adds its name), KServe's."""

KEPT_PLANS = 16
"""Layouts whose plan is kept; one for each target and a few for those that are changing."""

_OWN = DIALECTS[0]
_PARTS = ("_bucket", "_sum", "_count")


@attrs.frozen
class Column:
    """Where to find a plain sample in each scrape of a layout, and what it is."""

    position: int
    metric: Metric
    labels: Labels


@attrs.frozen
class HistogramColumns:
    """Where to find the parts of a histogram in each scrape of a layout.

    Attributes:
        buckets: upper edge and position of each bucket, edges ascending.
        sum: the position of the sum, None where it is missing.
    """

    metric: Metric
    labels: Labels
    buckets: tuple[tuple[float, int], ...]
    sum: int | None


@attrs.frozen(eq=False)
class Plan:
    """What can be read from the scrapes of one layout.

    Attributes:
        dialect: the prefix of vLLM's own metrics, None when there are none.
        offered: our names of all metrics that are there, those without a sample yet included.
        columns: plain samples.
        histograms: histograms.
    """

    dialect: str | None
    offered: frozenset[str]
    columns: tuple[Column, ...]
    histograms: tuple[HistogramColumns, ...]


def dialect(layout: Layout) -> str | None:
    """Find out how a server calls vLLM's own metrics.

    Args:
        layout: of a scrape.

    Returns:
        The prefix that most families have, None when vLLM's own metrics are missing (`--disable-log-stats`).
    """
    counts = {prefix: sum(f.name.startswith(prefix) for f in layout.families) for prefix in DIALECTS}
    best = max(counts, key=lambda prefix: counts[prefix])
    return best if counts[best] else None


@lru_cache(maxsize=KEPT_PLANS)
def plan(layout: Layout) -> Plan:
    """Work out once what to read from the scrapes of a layout.

    Args:
        layout: of a scrape.

    Returns:
        The plan; it holds for every scrape with this very layout.
    """
    columns = _columns(layout)
    offered = (_lookup(family.name) for family in layout.families)
    names = {found.metric.name for found in offered if found} | {column.metric.name for column in columns}
    return Plan(dialect(layout), frozenset(names), columns, _histograms(layout))


@attrs.frozen
class _Known:
    """A metric under one of its names; the current name has rank 0 and outranks an old one."""

    rank: int
    metric: Metric


@cache
def _index() -> dict[str, _Known]:
    """Every name that we understand, with vLLM's own prefix and without `_total`."""
    current = {_stem(metric.exposed): _Known(0, metric) for metric in metrics()}
    old = {_stem(rename.old): _Known(1, current[_stem(rename.current)].metric) for rename in renames()}
    return old | current


def _stem(name: str) -> str:
    return name.removesuffix("_total")


def known(name: str) -> str | None:
    """Our name of a metric, whatever the server calls it; None for one that we do not know.

    >>> known("vllm:num_requests_running"), known("vllm_num_requests_running"), known("vllm:brand_new")
    ('vllm.requests.running', 'vllm.requests.running', None)
    """
    found = _lookup(name)
    return found.metric.name if found else None


def _lookup(name: str) -> _Known | None:
    prefix = next((prefix for prefix in DIALECTS if name.startswith(prefix)), "")
    return _index().get(_stem(_OWN + name.removeprefix(prefix) if prefix else name))


def _lookup_plain(name: str) -> _Known | None:
    known = _lookup(name)
    return None if known is None or known.metric.kind in {Kind.HISTOGRAM, Kind.INFO} else known


def _columns(layout: Layout) -> tuple[Column, ...]:
    best: dict[tuple[str, Labels], tuple[int, Column]] = {}
    for position, series in enumerate(layout.series):
        known = _lookup_plain(series.name)
        if known is None:
            continue
        column = Column(position, known.metric, tuple(sorted(series.labels)))
        key = known.metric.name, column.labels
        if key not in best or known.rank < best[key][0]:
            best[key] = known.rank, column
    return tuple(column for _, column in best.values())


def _histograms(layout: Layout) -> tuple[HistogramColumns, ...]:
    drafts: dict[tuple[str, Labels], _Draft] = {}
    for position, series in enumerate(layout.series):
        part = next((part for part in _PARTS if series.name.endswith(part)), "")
        known = _lookup(series.name.removesuffix(part)) if part else None
        if known is None or known.metric.kind is not Kind.HISTOGRAM:
            continue
        labels = tuple(sorted(pair for pair in series.labels if pair[0] != "le"))
        draft = drafts.setdefault((known.metric.name, labels), _Draft(known))
        if known.rank < draft.known.rank:
            draft = drafts[known.metric.name, labels] = _Draft(known)
        if known.rank == draft.known.rank:
            draft.add(part, series, position)
    return tuple(draft.finish(labels) for (_, labels), draft in drafts.items() if draft.buckets)


@attrs.define
class _Draft:
    """A histogram whose parts are being found."""

    known: _Known
    buckets: dict[float, int] = attrs.field(factory=dict)
    sum: int | None = None

    def add(self, part: str, series: Series, position: int) -> None:
        edge = _edge(series)
        if part == "_bucket" and edge is not None:
            self.buckets[edge] = position
        elif part == "_sum":
            self.sum = position

    def finish(self, labels: Labels) -> HistogramColumns:
        return HistogramColumns(self.known.metric, labels, tuple(sorted(self.buckets.items())), self.sum)


def _edge(series: Series) -> float | None:
    try:
        return float(dict(series.labels)["le"])
    except (KeyError, ValueError):
        return None


def to_samples(parsed: Parsed, time: float) -> list[Sample]:
    """Turn a scrape into samples under our names.

    Args:
        parsed: the scrape.
        time: when it was taken, Unix seconds.

    Returns:
        The gauges and counters of the catalogue, labels kept. Creation times, infos and histograms are left out
        (see `histogram.histograms`), and so is what the catalogue does not know.
    """
    values = parsed.values
    return [
        Sample(m.name, values[column.position], time, column.labels, m.unit, m.kind is Kind.COUNTER)
        for column in plan(parsed.layout).columns
        for m in (column.metric,)
    ]


def to_sample(name: str, labels: Labels, value: float, time: float) -> Sample | None:
    """Turn a single series into a sample, where there is no scrape to make a plan for.

    Args:
        name: as the server writes it.
        labels: label pairs, sorted.
        value: its value.
        time: when it was read, Unix seconds.

    Returns:
        The sample under our name; None for what `to_samples` leaves out as well.

    >>> to_sample("ray_vllm_gpu_cache_usage_perc", (), 0.5, 0.0).name
    'vllm.kv_cache.usage'
    """
    known = _lookup_plain(name)
    if known is None:
        return None
    metric = known.metric
    return Sample(metric.name, value, time, labels, metric.unit, metric.kind is Kind.COUNTER)
