"""Samples of GPUs, by the canonical names of `vmon_core.devices`."""

from __future__ import annotations

from functools import cache

from vmon_core.devices import METRICS
from vmon_core.records import Labels, Sample

KIND = "nvidia"
"""What these devices are called."""

COUNTERS = frozenset(
    {
        "gpu.energy",
        "gpu.throttle.time",
        "gpu.pcie.replays",
        "gpu.link.errors",
        "gpu.link.traffic",
        "gpu.ecc.errors",
        "gpu.rows.remapped",
        "gpu.pages.retired",
        "gpu.events",
    }
)
"""Those that only grow, while the driver is loaded."""


@cache
def labels_of(gpu: str, extra: Labels = ()) -> Labels:
    """The labels of a GPU's samples, sorted; `gpu` is its number for people."""
    return tuple(sorted((("gpu", gpu), ("kind", KIND), *extra)))


def sample(name: str, value: float, time: float, labels: Labels) -> Sample:
    """Make a sample of a canonical metric.

    Args:
        name: the metric.
        value: in its unit.
        time: when it was read, Unix seconds.
        labels: as `labels_of` gives them.

    Raises:
        KeyError: there is no such metric.
    """
    return Sample(name, float(value), time, labels, METRICS[name], name in COUNTERS)
