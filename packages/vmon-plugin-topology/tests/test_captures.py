"""The matrices of real machines, captured by other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_topology.captured import read_captured
from vmon_plugin_topology.graph import LinkKind, NodeKind
from vmon_plugin_topology.matrix import matrix, nearest_nics
from vmon_plugin_topology.relations import Path as Way
from vmon_plugin_topology.relations import pci_path
from vmon_plugin_topology.sysfs import read_sysfs

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_plugin_topology.graph import Topology


def rows(topology: Topology) -> dict[str, str]:
    """The matrix, a line of words for each device."""
    table = matrix(topology)
    return {node.label: " ".join(words) for node, words in zip(table.devices, table.words(), strict=True)}


def test_nd_h100_v5(captures: Path) -> None:
    """Each of the eight GPUs is PIX to its own InfiniBand card, and NODE or SYS to all others."""
    found = read_captured(captures / "ndv5.xml")
    near, far = "NODE NODE NODE NODE", "SYS SYS SYS SYS"
    expected = {}
    for number in range(8):
        place = number % 4
        own, to_card = near.split(), near.split()
        own[place], to_card[place] = "X", "PIX"
        halves = [" ".join(own), far] if number < 4 else [far, " ".join(own)]
        cards = [" ".join(to_card), far] if number < 4 else [far, " ".join(to_card)]
        expected[f"GPU{number}"] = " ".join([*halves, *cards])
        expected[f"NIC{number}"] = " ".join([*cards, *halves])
    assert rows(found) == expected
    assert {nic.fabric for nic in found.nics} == {"InfiniBand"}
    assert {round((found.uplinks[gpu.id].bandwidth or 0) / 1e9, 1) for gpu in found.gpus} == {63.0}


def test_nd_h100_v5_affinity(captures: Path) -> None:
    """Processors and NUMA nodes are those of the file's masks, and each GPU finds its own card."""
    found = read_captured(captures / "ndv5.xml")
    assert [gpu.numa for gpu in found.gpus] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found.gpus[0].cpus == frozenset(range(48))
    assert found.gpus[7].cpus == frozenset(range(48, 96))
    for number, gpu in enumerate(found.gpus):
        way, cards = nearest_nics(found, gpu)
        assert (way, [card.label for card in cards]) == (Way.PIX, [f"NIC{number}"])


def test_p4d(captures: Path) -> None:
    """Two GPUs and one EFA card share each switch."""
    found = read_captured(captures / "p4d.xml")
    assert rows(found) == {
        "GPU0": "X PIX NODE NODE SYS SYS SYS SYS PIX NODE SYS SYS",
        "GPU1": "PIX X NODE NODE SYS SYS SYS SYS PIX NODE SYS SYS",
        "GPU2": "NODE NODE X PIX SYS SYS SYS SYS NODE PIX SYS SYS",
        "GPU3": "NODE NODE PIX X SYS SYS SYS SYS NODE PIX SYS SYS",
        "GPU4": "SYS SYS SYS SYS X PIX NODE NODE SYS SYS PIX NODE",
        "GPU5": "SYS SYS SYS SYS PIX X NODE NODE SYS SYS PIX NODE",
        "GPU6": "SYS SYS SYS SYS NODE NODE X PIX SYS SYS NODE PIX",
        "GPU7": "SYS SYS SYS SYS NODE NODE PIX X SYS SYS NODE PIX",
        "NIC0": "PIX PIX NODE NODE SYS SYS SYS SYS X NODE SYS SYS",
        "NIC1": "NODE NODE PIX PIX SYS SYS SYS SYS NODE X SYS SYS",
        "NIC2": "SYS SYS SYS SYS PIX PIX NODE NODE SYS SYS X NODE",
        "NIC3": "SYS SYS SYS SYS NODE NODE PIX PIX SYS SYS NODE X",
    }
    assert {nic.fabric for nic in found.nics} == {"EFA"}
    assert len(found.of(NodeKind.SWITCH)) == 4


def test_dgx_2_by_nvlink(captures: Path) -> None:
    """Six NVLinks, each to another NVSwitch, lead from every GPU to every other."""
    found = read_captured(captures / "nvidiaDGX2.xml")
    assert rows(found) == {
        f"GPU{number}": " ".join("X" if number == other else "NV6" for other in range(16)) for number in range(16)
    }
    assert len(found.of(NodeKind.NVSWITCH)) == 12
    links = [link for link in found.links if link.kind is LinkKind.NVLINK]
    assert len(links) == 16 * 6
    assert {(link.count, link.bandwidth) for link in links} == {(1, 25e9)}


def test_dgx_2_by_pcie(captures: Path) -> None:
    """Without NVLink: pairs below a switch, two switches below each root port, two root ports below each processor."""
    found = read_captured(captures / "nvidiaDGX2.xml")
    expected = {0: Way.PIX, 1: Way.PXB, 2: Way.NODE, 3: Way.SYS}
    for a, one in enumerate(found.gpus):
        for b, two in enumerate(found.gpus):
            if a != b:
                levels = [a // size == b // size for size in (2, 4, 8)]
                distance = next((level for level, same in enumerate(levels) if same), 3)
                assert pci_path(found, one, two) is expected[distance], (a, b)


def test_dgx_2_figures(captures: Path) -> None:
    """Models, memory, bandwidths and the distance of the processors."""
    found = read_captured(captures / "nvidiaDGX2.xml")
    assert {gpu.model for gpu in found.gpus} == {"Tesla V100-SXM3-32GB-H"}
    assert found.by_id["numa:0"].memory_bytes == 810234351616
    assert {link.bandwidth for link in found.links if link.ends[1] == "0000:34:00.0"} == {15.753846e9}
    assert [link.distance for link in found.links if link.kind is LinkKind.SMP] == [21]


def test_power9(power9: Path) -> None:
    """The capture has no bridges: GPUs of one PCI domain may share a switch or not, which is then not known."""
    found = read_sysfs(power9)
    assert rows(found) == {
        "GPU0": "X ? NODE SYS SYS SYS",
        "GPU1": "? X NODE SYS SYS SYS",
        "GPU2": "NODE NODE X SYS SYS SYS",
        "GPU3": "SYS SYS SYS X NODE NODE",
        "GPU4": "SYS SYS SYS NODE X ?",
        "GPU5": "SYS SYS SYS NODE ? X",
    }
    assert [(gpu.numa, gpu.memory_numa) for gpu in found.gpus] == [
        (0, 255),
        (0, 254),
        (0, 253),
        (8, 252),
        (8, 251),
        (8, 250),
    ]
    assert [package.cpus for package in found.of(NodeKind.PACKAGE)] == [
        frozenset(range(88)),
        frozenset(range(88, 176)),
    ]
    assert found.problems == ()
