"""Machines as trees: what the graph says of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.errors import VmonError
from vmon_plugin_topology.graph import Iommu, LinkKind, NodeKind
from vmon_plugin_topology.matrix import matrix, nearest_nics
from vmon_plugin_topology.relations import Path as Way
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_plugin_topology.graph import Topology


def rows(topology: Topology) -> dict[str, str]:
    """The matrix, a line of words for each device."""
    table = matrix(topology)
    return {node.label: " ".join(words) for node, words in zip(table.devices, table.words(), strict=True)}


def test_dgx(tmp_path: Path) -> None:
    """Each GPU shares a switch with its card; other switches are below other host bridges."""
    found = read_sysfs(sysfs.dgx(tmp_path).root)
    assert rows(found)["GPU1"] == "NODE X NODE NODE SYS SYS SYS SYS NODE PIX NODE NODE SYS SYS SYS SYS"
    assert rows(found)["NIC4"] == "SYS SYS SYS SYS PIX NODE NODE NODE SYS SYS SYS SYS X NODE NODE NODE"
    for number, gpu in enumerate(found.gpus):
        way, cards = nearest_nics(found, gpu)
        assert (way, [card.label for card in cards]) == (Way.PIX, [f"NIC{number}"])


def test_dgx_nodes(tmp_path: Path) -> None:
    """Everything is there, once, below what it is attached to."""
    found = read_sysfs(sysfs.dgx(tmp_path).root)
    counts = {kind: len(found.of(kind)) for kind in NodeKind if found.of(kind)}
    assert counts == {
        NodeKind.PACKAGE: 2,
        NodeKind.NUMA: 2,
        NodeKind.HOST_BRIDGE: 9,
        NodeKind.ROOT_PORT: 20,
        NodeKind.UPSTREAM_PORT: 8,
        NodeKind.DOWNSTREAM_PORT: 16,
        NodeKind.GPU: 8,
        NodeKind.NVSWITCH: 4,
        NodeKind.NIC: 8,
        NodeKind.NVME: 8,
    }
    above = [node.id for node in found.ancestors(found.gpus[0])]
    assert above == ["0000:1e:00.0", "0000:1f:00.0", "0000:10:01.0", "pci0000:10", "numa:0", "package:0"]
    assert (found.iommu, found.virtual, found.problems) == (Iommu.OFF, False, ())


def test_dgx_figures(tmp_path: Path) -> None:
    """Links with lanes and bandwidth, cards with names and rates, drives with names."""
    found = read_sysfs(sysfs.dgx(tmp_path).root)
    link = found.uplinks[found.gpus[0].id]
    assert (link.width, link.width_max, link.speed, round((link.bandwidth or 0) / 1e9)) == (16, 16, 32e9, 63)
    card = found.nics[3]
    assert (card.interfaces, card.fabric, card.port_bandwidth, card.rdma) == (("mlx5_3",), "InfiniBand", 50e9, True)
    assert found.of(NodeKind.NVME)[0].interfaces == ("nvme0",)
    assert [link.distance for link in found.links if link.kind is LinkKind.SMP] == [21]
    assert found.of(NodeKind.PACKAGE)[0].model == "Intel(R) Xeon(R) Platinum 8480C"


def test_two_sockets(tmp_path: Path) -> None:
    """Two root ports of one host bridge are PHB to each other; a card elsewhere on the socket is NODE."""
    found = read_sysfs(sysfs.two_sockets(tmp_path).root)
    assert rows(found) == {
        "GPU0": "X PHB SYS SYS NODE",
        "GPU1": "PHB X SYS SYS NODE",
        "GPU2": "SYS SYS X PHB SYS",
        "GPU3": "SYS SYS PHB X SYS",
        "NIC0": "NODE NODE SYS SYS X",
    }
    assert found.nics[0].port_bandwidth == 25e9 / 8


def test_several_switches_are_pxb(tmp_path: Path) -> None:
    """A switch below a switch."""
    top = "pci0000:10/0000:10:01.0/0000:11:00.0"
    tree = sysfs.SysfsTree(tmp_path).numa(["0-3"])
    tree.pci(f"{top}/0000:12:00.0/0000:13:00.0/0000:14:00.0/0000:15:00.0", sysfs.GPU, numa=0)
    tree.pci(f"{top}/0000:12:00.0/0000:13:00.0/0000:14:01.0/0000:16:00.0", sysfs.GPU, numa=0)
    tree.pci(f"{top}/0000:12:01.0/0000:17:00.0", sysfs.GPU, numa=0)
    assert rows(read_sysfs(tree.root)) == {"GPU0": "X PIX PXB", "GPU1": "PIX X PXB", "GPU2": "PXB PXB X"}


def test_single_gpu(tmp_path: Path) -> None:
    """The graphics of the board is no accelerator."""
    assert rows(read_sysfs(sysfs.single_gpu(tmp_path).root)) == {"GPU0": "X"}


def test_virtual_machine(tmp_path: Path) -> None:
    """What nobody tells stays unknown, and is no zero and no SYS."""
    found = read_sysfs(sysfs.virtual_machine(tmp_path).root)
    assert rows(found) == {"GPU0": "X ?", "GPU1": "? X"}
    assert [gpu.numa for gpu in found.gpus] == [None, None]
    assert found.virtual is True
    assert nearest_nics(found, found.gpus[0]) == (Way.UNKNOWN, ())


def test_no_gpu(tmp_path: Path) -> None:
    """A card whose speed is -1 has no known speed."""
    found = read_sysfs(sysfs.no_gpu(tmp_path).root)
    assert (found.gpus, rows(found), found.nics[0].port_bandwidth) == ((), {"NIC0": "X"}, None)


def test_gpu_on_no_bus(tmp_path: Path) -> None:
    """The kernel's tree of PCI devices knows nothing of it."""
    found = read_sysfs(sysfs.gb10(tmp_path).root)
    assert (found.gpus, [nic.label for nic in found.nics]) == ((), ["NIC0"])


def test_virtual_functions_are_left_out(tmp_path: Path) -> None:
    """Hundreds of them share one card's link."""
    tree = sysfs.no_gpu(tmp_path).pci("pci0000:00/0000:00:03.1", sysfs.ETHERNET, numa=0)
    (tree.root / "sys/bus/pci/devices/0000:00:03.1/physfn").symlink_to("../0000:00:03.0")
    assert [nic.id for nic in read_sysfs(tree.root).nics] == ["0000:00:03.0"]


def test_node_spans_no_package(tmp_path: Path) -> None:
    """Two NUMA nodes of one package are below it."""
    found = read_sysfs(sysfs.SysfsTree(tmp_path).numa(["0-3", "4-7"], packages=[0, 0]).root)
    assert [(node.id, node.parent) for node in found.nodes] == [
        ("package:0", ""),
        ("numa:0", "package:0"),
        ("numa:1", "package:0"),
    ]


def test_folder_without_sys_is_an_error(tmp_path: Path) -> None:
    """The message says what is needed."""
    with pytest.raises(VmonError, match="no folder sys"):
        read_sysfs(tmp_path)
