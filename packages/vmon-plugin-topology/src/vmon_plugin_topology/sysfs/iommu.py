"""What stands between devices that want to reach each other: the IOMMU, and whether this machine is a virtual one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_plugin_topology.graph import Iommu

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_plugin_topology.sysfs.files import Files

_GROUPS = "sys/kernel/iommu_groups"
_FLAGS = re.compile(r"^flags\s*:(.*)$", re.MULTILINE)


def iommu(files: Files, addresses: Iterable[str]) -> Iommu | None:
    """What the IOMMU does for some devices: `Documentation/ABI/testing/sysfs-kernel-iommu_groups`.

    Args:
        files: the tree.
        addresses: PCI addresses of the accelerators.

    Returns:
        The most that it does for one of them: with a domain type `identity` addresses pass through. Kernels that do
        not tell types are known by `iommu=pt` on their command line; None where nothing tells.
    """
    if not files.exists(_GROUPS):
        return None
    if not files.names(_GROUPS):
        return Iommu.OFF
    groups = {files.link(f"sys/bus/pci/devices/{each}/iommu_group").rpartition("/")[2] for each in addresses}
    types = {files.text(f"{_GROUPS}/{group}/type", 32) for group in groups if group.isdecimal()} - {""}
    if not types:
        return Iommu.PASSTHROUGH if "iommu=pt" in files.text("proc/cmdline").split() else None
    return Iommu.PASSTHROUGH if types == {"identity"} else Iommu.TRANSLATES


def virtual(files: Files) -> bool | None:
    """Whether the processor says that there is a hypervisor (x86); None on other processors."""
    flags = _FLAGS.search(files.text("proc/cpuinfo"))
    return "hypervisor" in flags[1].split() if flags else None
