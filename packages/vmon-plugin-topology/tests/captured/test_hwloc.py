"""hwloc's export, in small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_topology.captured import read_captured
from vmon_plugin_topology.graph import LinkKind, NodeKind
from vmon_plugin_topology.matrix import matrix

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_plugin_topology.graph import Topology

GPU = """<object type="PCIDev" gp_index="{n}0" pci_busid="0000:0{n}:00.0" pci_type="0302 [10de:1db1] [10de:1212] a1 00"
  pci_link_speed="15.753846"><object type="OSDev" gp_index="{n}1" name="nvml{n}" osdev_type="1"
  ><info name="GPUModel" value="V100"/></object></object>"""
PORT = """<object type="Bridge" bridge_type="1-1" bridge_pci="0000:[0{n}-0{n}]" pci_busid="0000:00:0{n}.0"
  pci_type="0604 [8086:2030] [0000:0000] 04 00" pci_link_speed="15.753846">{inside}</object>"""
NIC = '<object type="PCIDev" gp_index="90" pci_busid="0000:09:00.0" pci_type="0207 [15b3:101b] [15b3:1] 00 00"/>'
MACHINE = """<topology version="2.0"><object type="Machine" nodeset="0x00000003" cpuset="0x0000000f">
  <object type="Package" os_index="0" nodeset="0x00000001" cpuset="0x00000003"><info name="CPUModel" value="Xeon"/>
    <object type="NUMANode" os_index="0" nodeset="0x00000001" cpuset="0x00000003" local_memory="1024"/>
    <object type="Bridge" bridge_type="0-1" bridge_pci="0000:[00-0f]">{ports}</object>
  </object>
  <object type="Package" os_index="1" nodeset="0x00000002" cpuset="0x0000000c">
    <object type="NUMANode" os_index="1" nodeset="0x00000002" cpuset="0x0000000c"/>
  </object>
</object>{matrices}</topology>"""
NVLINKS = """<distances2 type="OSDev" nbobjs="3" name="NVLinkBandwidth" indexing="gp">
  <indexes length="9">11 21 31 </indexes><u64values length="20">1000000 {rate} 0 </u64values>
  <u64values>{rate} 1000000 {double} 0 {double} 1000000</u64values></distances2>"""


def machine(folder: Path, matrices: str) -> Topology:
    """Three GPUs and a network card on root ports of one processor."""
    ports = "".join(PORT.format(n=n, inside=GPU.format(n=n)) for n in (1, 2, 3)) + PORT.format(n=9, inside=NIC)
    (folder / "box.xml").write_text(MACHINE.format(ports=ports, matrices=matrices))
    return read_captured(folder / "box.xml")


@pytest.mark.parametrize("rate", [20_000, 25_000])
def test_nvlinks_are_counted_by_bandwidth(tmp_path: Path, rate: int) -> None:
    """One link between two GPUs, two between others, at the rate of either version."""
    found = machine(tmp_path, NVLINKS.format(rate=rate, double=2 * rate))
    assert matrix(found).words()[:3] == [
        ["X", "NV1", "PHB", "PHB"],
        ["NV1", "X", "NV2", "PHB"],
        ["PHB", "NV2", "X", "PHB"],
    ]
    assert {link.bandwidth for link in found.links if link.kind is LinkKind.NVLINK} == {rate * 1e6, 2 * rate * 1e6}


@pytest.mark.parametrize(
    "matrices",
    [
        "",
        NVLINKS.format(rate=12_345, double=24_690),
        NVLINKS.format(rate=25_000, double="25000 25000"),
        NVLINKS.replace("11", "77"),
    ],
)
def test_matrices_that_make_no_sense(tmp_path: Path, matrices: str) -> None:
    """An unknown rate, a wrong size, an index of nothing: then the ways over PCIe are what is known."""
    assert matrix(machine(tmp_path, matrices)).words()[0] == ["X", "PHB", "PHB", "PHB"]


def test_what_is_read(tmp_path: Path) -> None:
    """Places, names, memory; the machine as a whole is no NUMA node."""
    found = machine(
        tmp_path,
        '<distances2 type="NUMANode" name="NUMALatency"><indexes>0 1</indexes>'
        "<u64values>10 21 21 10</u64values></distances2>",
    )
    gpu = found.gpus[0]
    assert (gpu.model, gpu.interfaces, gpu.numa, gpu.cpus) == ("V100", ("nvml1",), 0, frozenset({0, 1}))
    assert [node.id for node in found.ancestors(gpu)] == ["0000:00:01.0", "pci0000:00", "numa:0", "package:0"]
    assert [(node.kind, node.fabric, node.rdma) for node in found.nics] == [(NodeKind.NIC, "InfiniBand", True)]
    assert found.by_id["package:0"].model == "Xeon"
    assert found.by_id["numa:0"].memory_bytes == 1024
    assert [link.distance for link in found.links if link.kind is LinkKind.SMP] == [21]
