"""What stands between devices: Access Control Services and the IOMMU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_topology.graph import Iommu
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from pathlib import Path

PORT = "0000:10:01.0"


@pytest.mark.parametrize(
    ("control", "redirected"), [(0x0, False), (0x1, False), (0x5, True), (0x1D, True), (0x20, True)]
)
def test_acs(tmp_path: Path, control: int, *, redirected: bool) -> None:
    """Source validation alone redirects nothing; request or completion redirect and egress control do."""
    found = read_sysfs(sysfs.two_sockets(tmp_path).acs(PORT, control).root)
    assert found.by_id[PORT].redirects is redirected
    assert found.by_id["0000:10:02.0"].redirects is None


@pytest.mark.parametrize("space", [bytes(64), bytes(256), b"\xff" * 4096])
def test_unreadable_configuration_space(tmp_path: Path, space: bytes) -> None:
    """A user who is not root sees 64 bytes; a device that is gone answers with ones."""
    tree = sysfs.two_sockets(tmp_path)
    (tree.root / f"sys/bus/pci/devices/{PORT}/config").write_bytes(space)
    assert read_sysfs(tree.root).by_id[PORT].redirects is None


def test_capabilities_in_a_circle(tmp_path: Path) -> None:
    """A list that leads back to its beginning ends."""
    space = bytearray(4096)
    space[0x100:0x104] = (0x0001 | 1 << 16 | 0x100 << 20).to_bytes(4, "little")
    tree = sysfs.two_sockets(tmp_path)
    (tree.root / f"sys/bus/pci/devices/{PORT}/config").write_bytes(space)
    assert read_sysfs(tree.root).by_id[PORT].redirects is False


@pytest.mark.parametrize(("kind", "state"), [("DMA-FQ", Iommu.TRANSLATES), ("identity", Iommu.PASSTHROUGH), ("", None)])
def test_iommu(tmp_path: Path, kind: str, state: Iommu | None) -> None:
    """The type of the group's domain decides."""
    assert read_sysfs(sysfs.two_sockets(tmp_path).iommu(kind, ["0000:11:00.0"]).root).iommu is state


def test_iommu_of_an_old_kernel(tmp_path: Path) -> None:
    """Without types, the kernel's command line tells that addresses pass through."""
    tree = sysfs.two_sockets(tmp_path).iommu("", ["0000:11:00.0"]).write({"proc/cmdline": "quiet iommu=pt"})
    assert read_sysfs(tree.root).iommu is Iommu.PASSTHROUGH
