"""Accelerators, whatever their vendor: the record of one, and the names of what is measured on it.

A plugin for a vendor tells its devices by the hook `vmon_devices` and sends their figures as samples named here, so
that everybody downstream reads one language. Figures carry the labels `kind` and `gpu` (the index, for a MIG instance
`INDEX.INSTANCE`); what a device cannot tell has no sample: never zero, never a blank value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import attrs

from vmon_core.evidence import Health, Recovery
from vmon_core.records import Labels, Sample

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "gpu.utilization": "ratio",  # share of time in which a kernel ran
        "gpu.memory.utilization": "ratio",  # share of time in which memory was read or written
        "gpu.memory.total": "bytes",
        "gpu.memory.used": "bytes",
        "gpu.memory.free": "bytes",
        "gpu.memory.reserved": "bytes",  # kept by the driver
        "gpu.process.memory": "bytes",  # label pid
        "gpu.temperature": "celsius",
        "gpu.temperature.memory": "celsius",
        "gpu.temperature.margin": "celsius",  # to the point at which the device slows itself down
        "gpu.power": "watts",
        "gpu.power.limit": "watts",
        "gpu.energy": "joules",
        "gpu.clock": "hertz",  # label domain: graphics, sm, memory
        "gpu.clock.max": "hertz",  # label domain
        "gpu.throttled": "",  # 1 while it is, label reason
        "gpu.throttle.time": "seconds",  # label reason
        "gpu.pcie.generation": "",
        "gpu.pcie.generation.max": "",
        "gpu.pcie.width": "lanes",
        "gpu.pcie.width.max": "lanes",
        "gpu.pcie.replays": "",
        "gpu.pcie.throughput": "bytes/s",  # label direction: sent, received
        "gpu.link.up": "",  # 1 or 0, label link
        "gpu.link.errors": "",  # labels link, type
        "gpu.link.traffic": "bytes",  # labels link, direction
        "gpu.ecc.errors": "",  # labels type (corrected, uncorrected) and scope (volatile, aggregate)
        "gpu.rows.remapped": "",  # label type
        "gpu.rows.pending": "",  # 1 when a reset would remap rows
        "gpu.rows.failed": "",  # 1 when remapping failed
        "gpu.pages.retired": "",  # label type
        "gpu.fabric.state": "",  # 0 not supported, 1 not started, 2 in progress, 3 completed
        "gpu.events": "",  # label code
        "gpu.health": "",  # 0 healthy, 1 degraded, 2 unhealthy; absent when unknown
    }
)
"""The canonical metrics of a device and their units."""

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
def labels_of(kind: str, gpu: str, extra: Labels = ()) -> Labels:
    """The labels of a device's samples, sorted; `gpu` is its `Device.label`."""
    return tuple(sorted((("gpu", gpu), ("kind", kind), *extra)))


def device_sample(name: str, value: float, time: float, labels: Labels) -> Sample:
    """Make a sample of a canonical metric.

    Args:
        name: the metric.
        value: in its unit.
        time: when it was read, Unix seconds.
        labels: as `labels_of` gives them.

    Raises:
        KeyError: there is no such metric.

    >>> device_sample("gpu.power", 500, 0.0, labels_of("amd", "3"))
    Sample(name='gpu.power', value=500.0, time=0.0, labels=(('gpu', '3'), ('kind', 'amd')), unit='watts', counter=False)
    """
    return Sample(name, float(value), time, labels, METRICS[name], name in COUNTERS)


_IDENTITY = (
    *("kind", "index", "instance", "uuid", "parent", "model", "pci", "capability"),
    *("driver", "runtime", "memory_bytes", "numa_node"),
)


@attrs.frozen
class DeviceProcess:
    """A process that holds memory of a device; `memory_bytes` is None where the driver does not tell."""

    pid: int
    memory_bytes: int | None = None


@attrs.frozen(kw_only=True)
class DeviceLink:
    """A direct link of a device to another one.

    Attributes:
        kind: `nvlink`, `xgmi`, `c2c`.
        index: the link's number on this device.
        remote: the PCI address of the other end, "" where it is not told.
        remote_kind: `gpu`, `switch`, `cpu` or "".
        version: of the link, "" where it is not told.
        up: whether it is active.
    """

    kind: str
    index: int
    remote: str = ""
    remote_kind: str = ""
    version: str = ""
    up: bool = True


@attrs.frozen(kw_only=True)
class Device:
    """An accelerator, or a slice of one, at one moment; None and "" mean that it is not known.

    Attributes:
        kind: the vendor's short name in lower case: `nvidia`, `amd`. Devices are compared within a kind and model only.
        index: its number among those of its kind, as the driver counts.
        uuid: the driver's lasting name of it.
        model: the product's name, such as `NVIDIA H100 80GB HBM3`.
        pci: its address, `0000:17:00.0`, in lower case; "" for a device that is on no PCI bus.
        instance: the number of a MIG instance or partition, None for a whole device.
        parent: the UUID of the device that an instance is part of.
        capability: compute capability of NVIDIA devices (`9.0`), architecture of AMD's (`gfx942`).
        driver: the driver's version.
        runtime: the newest CUDA or ROCm version that the driver supports.
        memory_bytes, memory_free_bytes: of the device; free means that a new process could have it.
        numa_node: the NUMA node that it is attached to; -1, which virtual machines tell, is None here.
        health, reasons, recovery: how it is, why, and what would help.
        processes: who holds its memory, in every container that the driver shows.
        links: its direct links.
        lost: the driver knows it and cannot reach it.
    """

    kind: str
    index: int
    uuid: str = ""
    model: str = ""
    pci: str = ""
    instance: int | None = None
    parent: str = ""
    capability: str = ""
    driver: str = ""
    runtime: str = ""
    memory_bytes: int | None = None
    memory_free_bytes: int | None = None
    numa_node: int | None = None
    health: Health = Health.UNKNOWN
    reasons: tuple[str, ...] = ()
    recovery: Recovery = Recovery.NONE
    processes: tuple[DeviceProcess, ...] = ()
    links: tuple[DeviceLink, ...] = ()
    lost: bool = False

    @property
    def label(self) -> str:
        """Its number as metrics and people call it: `3`, or `3.1` for an instance."""
        return str(self.index) if self.instance is None else f"{self.index}.{self.instance}"

    def identity(self) -> dict[str, Any]:
        """What stays the same while it works, as plain data without what is not known.

        >>> Device(kind="nvidia", index=0, uuid="GPU-1", model="H100", memory_free_bytes=5).identity()
        {'kind': 'nvidia', 'index': 0, 'uuid': 'GPU-1', 'model': 'H100'}
        """
        told = {name: getattr(self, name) for name in _IDENTITY}
        return {name: value for name, value in told.items() if value not in (None, "")}

    @property
    def name(self) -> str:
        """What findings call it.

        >>> Device(kind="nvidia", index=3).name
        'nvidia:3'
        """
        return f"{self.kind}:{self.label}"


@attrs.frozen
class Inventory:
    """The accelerators of a machine as they were told at one moment.

    Attributes:
        devices: all that were told.
        silent: the plugins that could not tell, each with the reason: there may be more devices than these then.
    """

    devices: tuple[Device, ...] = ()
    silent: Mapping[str, str] = attrs.field(factory=dict)
