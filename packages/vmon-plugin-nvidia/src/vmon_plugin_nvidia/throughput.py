"""PCIe throughput: from byte counters where a GPU has them, else as the driver measures it, for 20 ms each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynvml

from vmon_plugin_nvidia.metrics import labels_of, sample
from vmon_plugin_nvidia.sources import Call, Field, Fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample
    from vmon_plugin_nvidia.gpu import Gpu

_DIRECTIONS = {
    "sent": (Field("PCIE_COUNT_TX_BYTES"), Call("nvmlDeviceGetPcieThroughput", (pynvml.NVML_PCIE_UTIL_TX_BYTES,))),
    "received": (Field("PCIE_COUNT_RX_BYTES"), Call("nvmlDeviceGetPcieThroughput", (pynvml.NVML_PCIE_UTIL_RX_BYTES,))),
}

_KB = 1000.0


class Throughput:
    """Measures what one GPU sends and receives over PCIe."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._fields = Fields([field for field, _ in _DIRECTIONS.values()])
        self._before: dict[Field, float] = {}
        self._read = 0.0
        self._labels = {name: labels_of(gpu.label, (("direction", name),)) for name in _DIRECTIONS}

    def samples(self, now: float, *, slow: bool) -> Iterator[Sample]:
        """Give bytes per second since the measurement before; with `slow`, the driver's where there are no counters."""
        counted = self._fields.read(self._gpu)
        seconds, before = now - self._read, self._before
        self._before, self._read = counted, now
        for name, (field, call) in _DIRECTIONS.items():
            if field in counted:
                grown = counted[field] - before.get(field, float("inf"))
                if grown >= 0 and seconds > 0:  # the counters may wrap
                    yield sample("gpu.pcie.throughput", grown / seconds, now, self._labels[name])
            elif slow and field not in self._fields.wanted:
                value = call.read(self._gpu, {})
                if value is not None:
                    yield sample("gpu.pcie.throughput", value * _KB, now, self._labels[name])
