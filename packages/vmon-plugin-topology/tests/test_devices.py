"""What drivers tell, added to what the PCI bus tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.devices import Device, DeviceLink
from vmon_plugin_topology.devices import with_devices
from vmon_plugin_topology.graph import LinkKind, NodeKind
from vmon_plugin_topology.matrix import matrix
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_plugin_topology.graph import Topology

PCI = ("0000:11:00.0", "0000:12:00.0", "0000:81:00.0", "0000:82:00.0")


def nvlink(remote: str, count: int, kind: str = "gpu", version: str = "4.0") -> tuple[DeviceLink, ...]:
    """So many links to one place."""
    return tuple(
        DeviceLink(kind="nvlink", index=number, remote=remote, remote_kind=kind, version=version)
        for number in range(count)
    )


def words(topology: Topology) -> list[list[str]]:
    """The matrix."""
    return matrix(topology).words()


def test_bridged_pairs(tmp_path: Path) -> None:
    """Both ends report their links, which count once."""
    devices = [
        Device(kind="nvidia", index=0, pci=PCI[0], model="H100", links=nvlink("00000000:12:00.0", 4)),
        Device(kind="nvidia", index=1, pci=PCI[1], links=nvlink(PCI[0], 4)),
        Device(kind="nvidia", index=2, pci=PCI[2]),
        Device(kind="nvidia", index=3, pci=PCI[3]),
    ]
    found = with_devices(read_sysfs(sysfs.two_sockets(tmp_path).root), devices)
    assert words(found)[:2] == [["X", "NV4", "SYS", "SYS", "NODE"], ["NV4", "X", "SYS", "SYS", "NODE"]]
    assert [(link.count, link.bandwidth) for link in found.links if link.kind is LinkKind.NVLINK] == [(4, 100e9)]
    assert found.gpus[0].model == "H100"


def test_links_that_are_down_do_not_count(tmp_path: Path) -> None:
    """Nor do links to what is not here."""
    down = DeviceLink(kind="nvlink", index=0, remote=PCI[1], remote_kind="gpu", up=False)
    away = DeviceLink(kind="nvlink", index=1, remote="0000:99:00.0", remote_kind="gpu")
    devices = [
        Device(kind="nvidia", index=0, pci=PCI[0], links=(down, away)),
        Device(kind="nvidia", index=1, pci=PCI[1]),
    ]
    assert words(with_devices(read_sysfs(sysfs.two_sockets(tmp_path).root), devices))[0][1] == "PHB"


def test_hidden_switches(tmp_path: Path) -> None:
    """In a container the switch has no address, and still connects all GPUs."""
    hidden = "FFFFFFFF:FF:FF.0"
    devices = [Device(kind="nvidia", index=n, pci=pci, links=nvlink(hidden, 18, "switch")) for n, pci in enumerate(PCI)]
    found = with_devices(read_sysfs(sysfs.two_sockets(tmp_path).root), devices)
    assert {word for row in words(found)[:4] for word in row[:4]} == {"X", "NV18"}
    assert [switch.id for switch in found.of(NodeKind.NVSWITCH)] == ["hidden"]


def test_driver_numbers_the_devices(tmp_path: Path) -> None:
    """Its order counts, and an accelerator that it does not tell has no number."""
    devices = [Device(kind="nvidia", index=n, pci=pci) for n, pci in enumerate((PCI[3], PCI[0], PCI[1]))]
    found = with_devices(read_sysfs(sysfs.two_sockets(tmp_path).root), devices)
    assert [(gpu.label, gpu.id) for gpu in found.gpus] == [
        ("GPU0", PCI[3]),
        ("GPU1", PCI[0]),
        ("GPU2", PCI[1]),
        ("", PCI[2]),
    ]


def test_instances_are_part_of_their_device(tmp_path: Path) -> None:
    """They are at the same place."""
    devices = [Device(kind="nvidia", index=0, pci="0000:01:00.0"), Device(kind="nvidia", index=0, instance=1)]
    assert words(with_devices(read_sysfs(sysfs.single_gpu(tmp_path).root), devices)) == [["X"]]


def test_gpu_on_no_bus(tmp_path: Path) -> None:
    """It is a node all the same, near to the NUMA node that the driver tells, and linked to it."""
    link = DeviceLink(kind="c2c", index=0, remote_kind="cpu")
    device = Device(kind="nvidia", index=0, model="NVIDIA GB10", numa_node=0, links=(link,))
    found = with_devices(read_sysfs(sysfs.gb10(tmp_path).root), [device])
    (gpu,) = found.gpus
    assert (gpu.id, gpu.label, gpu.model, gpu.parent, gpu.numa) == ("nvidia:0", "GPU0", "NVIDIA GB10", "numa:0", 0)
    assert gpu.cpus == frozenset(range(20))
    assert [link.ends for link in found.links if link.kind is LinkKind.C2C] == [("numa:0", "nvidia:0")]
    assert words(found) == [["X", "NODE"], ["NODE", "X"]]  # the card is on a bus that the GPU is not on


def test_virtual_machine_learns_from_the_driver(tmp_path: Path) -> None:
    """What sysfs does not know, the driver may; a node that does not exist is no place."""
    devices = [
        Device(kind="nvidia", index=0, pci="0001:00:00.0", numa_node=1),
        Device(kind="nvidia", index=1, pci="0002:00:00.0", numa_node=7),
    ]
    found = with_devices(read_sysfs(sysfs.virtual_machine(tmp_path).root), devices)
    assert [gpu.numa for gpu in found.gpus] == [1, None]


def test_node_of_its_own_memory(tmp_path: Path) -> None:
    """The driver may tell the node that the GPU's memory is: nothing is near to a node without processors."""
    tree = sysfs.SysfsTree(tmp_path).numa(["0-7", ""])
    (gpu,) = with_devices(read_sysfs(tree.root), [Device(kind="nvidia", index=0, numa_node=1)]).gpus
    assert (gpu.numa, gpu.memory_numa, gpu.parent) == (None, 1, "")


def test_several_vendors(tmp_path: Path) -> None:
    """Each device is called by its kind, and xGMI is not NVLink."""
    amd = [
        Device(
            kind="amd",
            index=n,
            links=(DeviceLink(kind="xgmi", index=0, remote=PCI[3 - n], remote_kind="gpu"),),
            pci=pci,
        )
        for n, pci in enumerate(PCI[2:])
    ]
    amd = [amd[0], Device(kind="amd", index=1, pci=PCI[3])]
    devices = [Device(kind="nvidia", index=0, pci=PCI[0]), Device(kind="nvidia", index=1, pci=PCI[1]), *amd]
    found = with_devices(read_sysfs(sysfs.two_sockets(tmp_path).root), devices)
    assert [gpu.label for gpu in found.gpus] == ["amd:0", "amd:1", "nvidia:0", "nvidia:1"]
    assert words(found)[0][:3] == ["X", "XG1", "SYS"]


def test_no_devices_change_nothing(tmp_path: Path) -> None:
    """Without a driver, what the bus tells stays."""
    found = read_sysfs(sysfs.two_sockets(tmp_path).root)
    assert with_devices(found, []) is found
