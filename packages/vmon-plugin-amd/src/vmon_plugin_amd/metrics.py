"""Samples of GPUs, by the canonical names of `vmon_core.devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.devices import device_sample, labels_of

if TYPE_CHECKING:
    from vmon_core.records import Sample

KIND = "amd"
"""What these devices are called."""


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
    """
    return device_sample(name, value, time, labels_of(KIND, gpu, tuple(labels.items())))
