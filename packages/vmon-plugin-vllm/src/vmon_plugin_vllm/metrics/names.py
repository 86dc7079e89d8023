"""From a server's metric names to canonical ones, whatever the version or distribution calls them."""

from __future__ import annotations

import re
from functools import lru_cache

import attrs

from vmon_core.records import Sample
from vmon_plugin_vllm.metrics.catalogue import CATALOGUE, Kind, Metric

PREFIX = re.compile(r"^(?:ray_|kserve_)?vllm[:_]")
"""The prefixes in use: vLLM's own, with an underscore under Ray Serve and OpenTelemetry, and those of distributions."""

_SUFFIXES = ("_total", "_count", "_sum")

_BY_SOURCE = {name: metric for metric in CATALOGUE for name in (metric.source, *metric.aliases)}

_OTHERS = {
    "process_resident_memory_bytes": ("vllm.api_server.memory", "bytes", False),
    "process_cpu_seconds_total": ("vllm.api_server.cpu", "seconds", True),
    "process_open_fds": ("vllm.api_server.files", "", False),
    "http_requests_total": ("vllm.http.requests", "", True),
}
"""What the API server's Python process says about itself; under several API servers these are missing."""


@attrs.frozen
class Naming:
    """What a server's name means here.

    Attributes:
        name: the canonical name of the series.
        unit: of its values.
        counter: whether it only grows.
        metric: its entry in the catalogue; None for series of the API server's process.
    """

    name: str
    unit: str
    counter: bool
    metric: Metric | None = None


@lru_cache(maxsize=4096)
def naming(raw: str) -> Naming | None:
    """Find the meaning of a series name.

    Args:
        raw: as the server writes it, such as `vllm:num_preemptions_total`.

    Returns:
        Its meaning; None for buckets, creation times, and what vmon has no name for.

    >>> naming("ray_vllm_gpu_cache_usage_perc").name
    'vllm.kv_cache.usage'
    >>> naming("vllm:iteration_tokens_total_count").name
    'vllm.engine.steps.count'
    """
    if raw in _OTHERS:
        name, unit, counter = _OTHERS[raw]
        return Naming(name, unit, counter)
    prefix = PREFIX.match(raw)
    if prefix is None or raw.endswith(("_bucket", "_created")):
        return None
    bare = raw[prefix.end() :]
    return _exact(bare) or _with_suffix(bare)


def _exact(bare: str) -> Naming | None:
    metric = _BY_SOURCE.get(bare)
    if metric is None or metric.kind is Kind.HISTOGRAM:
        return None
    return Naming(metric.name, metric.unit, metric.kind is Kind.COUNTER, metric)


def _with_suffix(bare: str) -> Naming | None:
    suffix = next((s for s in _SUFFIXES if bare.endswith(s)), "")
    metric = _BY_SOURCE.get(bare.removesuffix(suffix)) if suffix else None
    if metric is None:
        return None
    if metric.kind is not Kind.HISTOGRAM:
        return Naming(metric.name, metric.unit, counter=True, metric=metric) if suffix == "_total" else None
    unit = "" if suffix == "_count" else metric.unit
    return Naming(metric.name + suffix.replace("_", "."), unit, counter=True, metric=metric)


def to_sample(raw: str, labels: tuple[tuple[str, str], ...], value: float, time: float) -> Sample | None:
    """Make a sample of one series, None for those without a canonical name.

    Args:
        raw: the server's name.
        labels: sorted pairs.
        value: its value.
        time: when it was read, Unix seconds.
    """
    known = naming(raw)
    if known is None:
        return None
    return Sample(known.name, value, time, labels, known.unit, known.counter)
