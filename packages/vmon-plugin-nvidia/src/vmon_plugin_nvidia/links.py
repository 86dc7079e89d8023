"""The NVLinks of a GPU: what each leads to, whether it is up, its errors and its traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynvml

from vmon_core.devices import DeviceLink
from vmon_plugin_nvidia.gpu import address_of
from vmon_plugin_nvidia.metrics import labels_of, sample
from vmon_plugin_nvidia.sources import Field, Fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Labels, Sample
    from vmon_plugin_nvidia.gpu import Gpu

_KIB = 1024

_PER_LINK: dict[str, tuple[str, Labels, int]] = {
    "NVLINK_GET_STATE": ("gpu.link.up", (), 1),
    "NVLINK_ERROR_DL_REPLAY": ("gpu.link.errors", (("type", "replay"),), 1),
    "NVLINK_ERROR_DL_RECOVERY": ("gpu.link.errors", (("type", "recovery"),), 1),
    "NVLINK_ERROR_DL_CRC": ("gpu.link.errors", (("type", "crc"),), 1),
    "NVLINK_THROUGHPUT_DATA_TX": ("gpu.link.traffic", (("direction", "sent"),), _KIB),
    "NVLINK_THROUGHPUT_DATA_RX": ("gpu.link.traffic", (("direction", "received"),), _KIB),
}
"""For each field value: metric, labels, and what it is multiplied with."""

_REMOTE = {
    pynvml.NVML_NVLINK_DEVICE_TYPE_GPU: "gpu",
    pynvml.NVML_NVLINK_DEVICE_TYPE_IBMNPU: "cpu",
    pynvml.NVML_NVLINK_DEVICE_TYPE_SWITCH: "switch",
}


def link_numbers(gpu: Gpu) -> tuple[int, ...]:
    """The NVLinks that a GPU has, up or down; they are looked for once."""
    if "links" not in gpu.facts:
        numbers = range(pynvml.NVML_NVLINK_MAX_LINKS)
        gpu.facts["links"] = tuple(n for n in numbers if gpu.ask("nvmlDeviceGetNvLinkState", n) is not None)
    found: tuple[int, ...] = gpu.facts["links"]
    return found


class Links:
    """Measures the NVLinks of one GPU."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        numbers = link_numbers(gpu)
        self._what = {
            Field(name, number): (metric, labels_of(gpu.label, (("link", str(number)), *labels)), factor)
            for number in numbers
            for name, (metric, labels, factor) in _PER_LINK.items()
        }
        self._fields = Fields(list(self._what))

    def samples(self, now: float) -> Iterator[Sample]:
        """Measure all of them, by one call."""
        for field, value in self._fields.read(self._gpu).items():
            metric, labels, factor = self._what[field]
            yield sample(metric, value * factor, now, labels)


def device_links(gpu: Gpu) -> Iterator[DeviceLink]:
    """Tell where each NVLink leads."""
    for number in link_numbers(gpu):
        pci = gpu.ask("nvmlDeviceGetNvLinkRemotePciInfo", number)
        version = gpu.ask("nvmlDeviceGetNvLinkVersion", number)
        yield DeviceLink(
            kind="nvlink",
            index=number,
            remote=address_of(pci),
            remote_kind=_REMOTE.get(gpu.ask("nvmlDeviceGetNvLinkRemoteDeviceType", number), ""),
            version="" if version is None else str(version),
            up=bool(gpu.ask("nvmlDeviceGetNvLinkState", number)),
        )
