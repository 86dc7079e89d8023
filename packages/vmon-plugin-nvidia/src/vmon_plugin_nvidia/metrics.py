"""Samples of GPUs, by the canonical names of `vmon_core.devices`."""

from __future__ import annotations

from functools import partial

from vmon_core import devices

KIND = "nvidia"
"""What these devices are called."""

labels_of = partial(devices.labels_of, KIND)
"""The labels of a GPU's samples; its first argument is the GPU's number for people."""

sample = devices.device_sample
"""Make a sample of a canonical metric."""
