"""Samples of GPUs, by the canonical names of `vmon_core.devices`."""

from __future__ import annotations

from vmon_core.devices import METRICS
from vmon_core.records import Sample

KIND = "amd"
"""What these devices are called."""

COUNTERS = frozenset(
    {
        "gpu.energy",
        "gpu.throttle.time",
        "gpu.pcie.replays",
        "gpu.link.errors",
        "gpu.link.traffic",
        "gpu.ecc.errors",
        "gpu.pages.retired",
    }
)
"""Those that only grow, while the driver is loaded."""


def sample(name: str, value: float, time: float, gpu: str, **labels: str) -> Sample:
    """Make a sample of a canonical metric.

    Args:
        name: the metric.
        value: in its unit.
        time: when it was read, Unix seconds.
        gpu: the device's label.
        **labels: further labels of the metric.

    Raises:
        KeyError: there is no such metric.

    >>> sample("gpu.power", 500, 0.0, "3")
    Sample(name='gpu.power', value=500.0, time=0.0, labels=(('gpu', '3'), ('kind', 'amd')), unit='watts', counter=False)
    """
    told = tuple(sorted({"gpu": gpu, "kind": KIND, **labels}.items()))
    return Sample(name, float(value), time, told, METRICS[name], name in COUNTERS)
