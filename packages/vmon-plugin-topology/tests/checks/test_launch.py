"""What is said of a launch on machines of several kinds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmon_core.devices import Device, DeviceLink
from vmon_core.plugin import LaunchRequest
from vmon_plugin_topology.checks import EXPLANATIONS, launch_checks
from vmon_plugin_topology.devices import with_devices
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from vmon_core.records import CompatibilityCheck
    from vmon_testkit.sysfs import SysfsTree

PCI = ("0000:11:00.0", "0000:12:00.0", "0000:81:00.0", "0000:82:00.0")
PORTS = ("0000:10:01.0", "0000:10:02.0")


def checks(
    tree: SysfsTree, command: str, devices: list[Device] | None = None, **environment: str
) -> dict[str, CompatibilityCheck]:
    """What is said, by code; the codes are those that can be explained."""
    launch = LaunchRequest(command=("vllm", "serve", "m", *command.split()), environment=environment, directory=Path())
    topology = with_devices(read_sysfs(tree.root), devices or [])
    found = {check.code: check for check in launch_checks(topology, launch, devices or [])}
    assert set(found) <= set(EXPLANATIONS)
    return found


def test_group_across_sockets(tmp_path: Path) -> None:
    """Others would be nearer, so it is told which."""
    check = checks(sysfs.two_sockets(tmp_path), "-tp 2", CUDA_VISIBLE_DEVICES="1,2")["topology.parallel_path"]
    assert check.verdict == "warning"
    assert check.evidence == ("GPU1, GPU2: SYS", "better: GPU0, GPU1")
    assert "CUDA_VISIBLE_DEVICES=0,1" in check.fix


def test_better_order_of_the_same_devices(tmp_path: Path) -> None:
    """Two groups that both reach across sockets are exchanged for two that do not."""
    found = checks(sysfs.two_sockets(tmp_path), "-tp 2 -pp 2", CUDA_VISIBLE_DEVICES="0,2,1,3")
    assert "CUDA_VISIBLE_DEVICES=0,1,2,3" in found["topology.parallel_path"].fix


def test_nothing_better(tmp_path: Path) -> None:
    """Four of four GPUs are what there is: that is no warning."""
    check = checks(sysfs.two_sockets(tmp_path), "-tp 4")["topology.parallel_path"]
    assert (check.verdict, check.fix) == ("ok", "")
    assert "no other choice" in check.summary


def test_near_group(tmp_path: Path) -> None:
    """Two root ports of one processor."""
    assert checks(sysfs.two_sockets(tmp_path), "-tp 2")["topology.parallel_path"].verdict == "ok"


def test_nvlink_makes_the_difference(tmp_path: Path) -> None:
    """A pair with a bridge is better than one without, wherever it is."""
    links = [(DeviceLink(kind="nvlink", index=0, remote=PCI[other], remote_kind="gpu"),) for other in (2, 3, 0, 1)]
    devices = [Device(kind="nvidia", index=n, pci=pci, links=links[n]) for n, pci in enumerate(PCI)]
    tree = sysfs.two_sockets(tmp_path)
    found = checks(tree, "-tp 2", devices, CUDA_VISIBLE_DEVICES="0,2")
    assert found["topology.parallel_path"].verdict == "ok"
    assert "direct links" in found["topology.peer_access"].summary
    assert (
        "CUDA_VISIBLE_DEVICES=0,2"
        in checks(tree, "-tp 2", devices, CUDA_VISIBLE_DEVICES="0,3")["topology.parallel_path"].fix
    )


def test_virtual_machine(tmp_path: Path) -> None:
    """What nobody tells is not evaluated."""
    check = checks(sysfs.virtual_machine(tmp_path), "-tp 2")["topology.parallel_path"]
    assert check.verdict == "not_evaluated"


def test_too_few_devices(tmp_path: Path) -> None:
    """That the launch fails is for others to say."""
    assert "4 are visible" in checks(sysfs.two_sockets(tmp_path), "-tp 8")["topology.parallel_path"].summary


def test_no_gpu(tmp_path: Path) -> None:
    """A launch on processors hears nothing."""
    assert checks(sysfs.no_gpu(tmp_path), "-tp 2") == {}


def test_one_rank(tmp_path: Path) -> None:
    """Only the widths of links are looked at."""
    assert set(checks(sysfs.single_gpu(tmp_path), "")) == {"topology.link_width"}


def test_acs(tmp_path: Path) -> None:
    """A root port that redirects is named, with what to do."""
    tree = sysfs.two_sockets(tmp_path).acs(PORTS[0], 0x1D).acs(PORTS[1], 0)
    check = checks(tree, "-tp 2")["topology.peer_access"]
    assert check.verdict == "warning"
    assert check.evidence == ("IOMMU: not known", "0000:10:01.0 redirects peer-to-peer traffic")
    assert "setpci" in check.fix


def test_acs_elsewhere(tmp_path: Path) -> None:
    """Bridges that the group does not use do not count."""
    tree = sysfs.two_sockets(tmp_path).acs(PORTS[0], 0).acs(PORTS[1], 0).acs("0000:80:01.0", 0x1D)
    assert checks(tree, "-tp 2")["topology.peer_access"].verdict == "ok"


def test_acs_for_users_who_are_not_root(tmp_path: Path) -> None:
    """It cannot be read, which is not bad."""
    check = checks(sysfs.two_sockets(tmp_path), "-tp 2")["topology.peer_access"]
    assert check.verdict == "not_evaluated"
    assert "only root" in check.summary


def test_iommu(tmp_path: Path) -> None:
    """One that translates is a detour, one that passes addresses through is none."""
    tree = sysfs.two_sockets(tmp_path).acs(PORTS[0], 0).acs(PORTS[1], 0).iommu("DMA", PCI)
    check = checks(tree, "-tp 2")["topology.peer_access"]
    assert (check.verdict, check.fix) == ("warning", "boot with iommu=pt")
    tree.write({f"sys/kernel/iommu_groups/{n}/type": "identity" for n in range(4)})
    assert checks(tree, "-tp 2")["topology.peer_access"].verdict == "ok"


def test_peers_in_a_virtual_machine(tmp_path: Path) -> None:
    """Its bridges are not those of the host."""
    tree = sysfs.two_sockets(tmp_path).write({"proc/cpuinfo": "flags : fpu hypervisor\n"}).acs(PORTS[0], 0x1D)
    assert checks(tree, "-tp 2")["topology.peer_access"].verdict == "not_evaluated"


def test_narrow_link(tmp_path: Path) -> None:
    """Half the lanes where both ends have more: a warning, whatever the launch."""
    tree = sysfs.two_sockets(tmp_path)
    tree.write({f"sys/bus/pci/devices/{PCI[2]}/current_link_width": "8"})
    check = checks(tree, "")["topology.link_width"]
    assert check.verdict == "warning"
    assert check.evidence == ("GPU2 (0000:81:00.0): x8, and both ends can x16",)


def test_narrow_link_of_a_switch(tmp_path: Path) -> None:
    """All devices below it share what is left."""
    tree = sysfs.dgx(tmp_path).write({"sys/bus/pci/devices/0000:1f:00.0/current_link_width": "4"})
    check = checks(tree, "")["topology.link_width"]
    assert check.evidence == ("switch 0000:1f:00.0: x4, and both ends can x16",)


def test_narrow_slot(tmp_path: Path) -> None:
    """A slot of eight lanes gives no more; that is how it was built."""
    tree = sysfs.two_sockets(tmp_path)
    tree.write({f"sys/bus/pci/devices/{PCI[2]}/current_link_width": "8"})
    tree.write({"sys/bus/pci/devices/0000:80:01.0/max_link_width": "8"})
    assert checks(tree, "")["topology.link_width"].verdict == "ok"


def test_slow_link_of_an_idle_device(tmp_path: Path) -> None:
    """Devices lower the speed to save power."""
    tree = sysfs.two_sockets(tmp_path)
    tree.write({f"sys/bus/pci/devices/{PCI[2]}/current_link_speed": "2.5 GT/s PCIe"})
    assert checks(tree, "")["topology.link_width"].verdict == "ok"


def test_unknown_widths(tmp_path: Path) -> None:
    """A virtual machine may tell none."""
    tree = (
        sysfs.SysfsTree(tmp_path).numa(["0"]).pci("pci0000:00/0000:00:05.0", {"class": "0x030200", "vendor": "0x10de"})
    )
    assert checks(tree, "")["topology.link_width"].verdict == "not_evaluated"


@pytest.mark.parametrize(("module", "said"), [(True, "nvidia_peermem is loaded"), (False, "needs DMA-BUF")])
def test_cards_near_by(tmp_path: Path, module: bool, said: str) -> None:  # noqa: FBT001 (a parameter of the test)
    """Each GPU of the large box has its own."""
    tree = sysfs.dgx(tmp_path).write({"sys/module/x/y": "", **({"sys/module/nvidia_peermem/z": ""} if module else {})})
    check = checks(tree, "-tp 8 --nnodes 2")["topology.network_path"]
    assert (check.verdict, check.evidence[0]) == ("ok", "GPU0: PIX NIC0")
    assert said in check.evidence[-1]


def test_cards_far_away(tmp_path: Path) -> None:
    """Two GPUs have to cross to the other socket, two between host bridges."""
    tree = sysfs.two_sockets(tmp_path)
    tree.pci("pci0000:30/0000:30:01.0/0000:31:00.0", sysfs.INFINIBAND, numa=0)
    check = checks(tree, "-tp 4 --nnodes 2")["topology.network_path"]
    assert check.verdict == "warning"
    assert check.evidence[:4] == ("GPU0: NODE NIC0", "GPU1: NODE NIC0", "GPU2: SYS NIC0", "GPU3: SYS NIC0")


def test_cards_that_nobody_can_place(tmp_path: Path) -> None:
    """In a virtual machine."""
    tree = sysfs.virtual_machine(tmp_path).pci("pci0003:00/0003:00:00.0", sysfs.INFINIBAND)
    assert checks(tree, "--nnodes 2")["topology.network_path"].verdict == "not_evaluated"


def test_no_rdma_cards(tmp_path: Path) -> None:
    """An Ethernet card is none."""
    assert "no RDMA card" in checks(sysfs.two_sockets(tmp_path), "--nnodes 2")["topology.network_path"].summary
