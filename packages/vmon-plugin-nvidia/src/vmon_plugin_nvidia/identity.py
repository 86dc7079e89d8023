"""Who a GPU is: the record that other parts of vmon know it by, and the facts about the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.devices import Device
from vmon_plugin_nvidia.gpu import LostError, address_of
from vmon_plugin_nvidia.links import device_links
from vmon_plugin_nvidia.metrics import KIND
from vmon_plugin_nvidia.processes import processes_of
from vmon_plugin_nvidia.readings import INSTANCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmon_plugin_nvidia.driver import Driver
    from vmon_plugin_nvidia.gpu import Gpu

PCI_DEVICES = Path("/sys/bus/pci/devices")
"""Where the kernel describes each device by its PCI address."""

_GIB = 1 << 30


def devices(driver: Driver, gpus: Sequence[Gpu]) -> Iterator[Device]:
    """Describe every GPU, each followed by its MIG instances; one that is lost is told with what was known of it."""
    for gpu in gpus:
        try:
            whole = _device(driver, gpu)
            parts = [_device(driver, part, whole.uuid) for part in gpu.parts]
        except LostError:
            whole = attrs.evolve(_known(driver, gpu), lost=True)
            parts = []
        yield from (whole, *parts)


def _known(driver: Driver, gpu: Gpu) -> Device:
    """What never changes about a GPU; it is asked once, and known also when the GPU is lost."""
    address = address_of(_once(gpu, "nvmlDeviceGetPciInfo_v3")) if gpu.instance is None else ""
    return Device(
        kind=KIND,
        index=gpu.index,
        instance=gpu.instance,
        uuid=_once(gpu, "nvmlDeviceGetUUID") or "",
        model=_once(gpu, "nvmlDeviceGetName") or "",
        pci=address,
        capability=".".join(map(str, _once(gpu, "nvmlDeviceGetCudaComputeCapability") or ())),
        driver=driver.version,
        runtime=driver.cuda,
        numa_node=_numa_node(address) if address else None,
    )


def _once(gpu: Gpu, function: str) -> Any:  # noqa: ANN401 (whatever NVML returns)
    """What never changes about a GPU; None where it was lost before it could say."""
    try:
        return gpu.once(function)
    except LostError:
        return None


def _numa_node(address: str) -> int | None:
    """The node that a device is attached to, None where the kernel knows none.

    `nvmlDeviceGetNumaNodeId` is another thing: the node that the memory of the GPU itself makes on a few platforms.
    """
    try:
        node = int((PCI_DEVICES / address / "numa_node").read_text())
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None


def _device(driver: Driver, gpu: Gpu, parent: str = "") -> Device:
    memory = memory_of(gpu)
    return attrs.evolve(
        _known(driver, gpu),
        parent=parent,
        memory_bytes=memory.get("gpu.memory.total"),
        memory_free_bytes=memory.get("gpu.memory.free"),
        processes=tuple(processes_of(gpu)),
        links=tuple(device_links(gpu)) if gpu.instance is None else (),
        lost=gpu.lost,
    )


def memory_of(gpu: Gpu) -> dict[str, int]:
    """The bytes of memory of a GPU or instance, by metric."""
    read = ((reading.metric, reading.read(gpu, {}, {})) for reading in INSTANCE)
    return {metric: int(value) for metric, value in read if value is not None}


def facts(driver: Driver, gpus: Sequence[Gpu]) -> dict[str, str]:
    """What plugins may ask of the machine before they are chosen; the least where GPUs differ."""
    found = list(devices(driver, gpus))
    whole = [device for device in found if device.instance is None]
    if not whole:
        return {}
    told = {"gpu.count": str(len(whole)), "nvidia.driver": driver.version, "cuda": driver.cuda}
    capabilities = [device.capability for device in whole if device.capability]
    memories = [device.memory_bytes for device in whole if device.memory_bytes is not None]
    if capabilities:
        told["gpu.compute-capability"] = min(capabilities, key=lambda text: tuple(map(int, text.split("."))))
    if memories:
        told["gpu.memory-gib"] = str(round(min(memories) / _GIB))
    return {name: value for name, value in told.items() if value}
