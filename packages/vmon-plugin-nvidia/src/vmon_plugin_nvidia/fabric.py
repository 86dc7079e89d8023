"""The NVSwitch fabric that a GPU belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynvml

from vmon_plugin_nvidia.metrics import labels_of, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample
    from vmon_plugin_nvidia.gpu import Gpu


def fabric_of(gpu: Gpu) -> pynvml.c_nvmlGpuFabricInfoV_t | None:
    """Ask a GPU for its fabric: `state`, `status` and `healthMask`; None where it cannot tell."""
    found = pynvml.c_nvmlGpuFabricInfoV_t()
    # byref: this wrapper of pynvml passes on what it gets, and a structure by value would crash the interpreter
    answer = gpu.ask_into("nvmlDeviceGetGpuFabricInfoV", pynvml.byref(found))
    return None if answer is None else found


def fabric_state(gpu: Gpu, now: float) -> Iterator[Sample]:
    """Whether it has joined, as a sample."""
    found = fabric_of(gpu)
    if found is not None:
        yield sample("gpu.fabric.state", found.state, now, labels_of(gpu.label))
