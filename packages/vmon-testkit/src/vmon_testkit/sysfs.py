"""Machines as trees of files: what `/sys` and `/proc` tell of processors and PCI devices, written for a test.

The trees have the kernel's shape: devices below `sys/devices`, each under what it is attached to, and relative links
to them in `sys/bus/pci/devices`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_BRIDGE = {"class": "0x060400", "vendor": "0x8086", "max_link_width": "16", "max_link_speed": "32.0 GT/s PCIe"}
_LINK = {
    "current_link_width": "16",
    "max_link_width": "16",
    "current_link_speed": "32.0 GT/s PCIe",
    "max_link_speed": "32.0 GT/s PCIe",
}
GPU = {"class": "0x030200", "vendor": "0x10de", "device": "0x2330", **_LINK}
"""The files of an H100."""
INFINIBAND = {"class": "0x020700", "vendor": "0x15b3", "device": "0x1021", **_LINK}
"""The files of a ConnectX-7."""
ETHERNET = {"class": "0x020000", "vendor": "0x8086", "device": "0x1563", **_LINK}
NVME = {"class": "0x010802", "vendor": "0x144d", **_LINK}
NVSWITCH = {"class": "0x068000", "vendor": "0x10de", "device": "0x22a3", **_LINK}


class SysfsTree:
    """A machine that grows.

    Args:
        root: the folder that stands for `/`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tree = SysfsTree(Path(folder)).numa(["0-3"]).pci("pci0000:00/0000:00:01.0/0000:01:00.0", GPU, numa=0)
    ...     (tree.root / "sys/bus/pci/devices/0000:01:00.0/numa_node").read_text()
    '0'
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/bus/pci/devices").mkdir(parents=True)

    def write(self, files: Mapping[str, str]) -> SysfsTree:
        """Write further files, by their paths below the root."""
        write_tree(self.root, files)
        return self

    def numa(self, cpus: Sequence[str], *, packages: Sequence[int] = (), memory_kb: int = 1 << 29) -> SysfsTree:
        """Give the machine NUMA nodes.

        Args:
            cpus: the list of processors of each node, such as `0-3,8-11`; "" for a node of memory only.
            packages: the processor package of each node; without it, each node is one.
            memory_kb: of each node.
        """
        packages = packages or range(len(cpus))
        for node, listed in enumerate(cpus):
            distances = " ".join("10" if node == other else "21" for other in range(len(cpus)))
            memory = f"Node {node} MemTotal:       {memory_kb} kB\n"
            folder = f"sys/devices/system/node/node{node}"
            self.write({f"{folder}/cpulist": listed, f"{folder}/distance": distances, f"{folder}/meminfo": memory})
            siblings = ",".join(each for each, package in zip(cpus, packages, strict=True) if package == packages[node])
            if listed:
                first = listed.partition("-")[0].partition(",")[0]
                topology = f"sys/devices/system/cpu/cpu{first}/topology"
                self.write(
                    {
                        f"{topology}/physical_package_id": str(packages[node]),
                        f"{topology}/package_cpus_list": siblings,
                    }
                )
        return self

    def pci(self, path: str, files: Mapping[str, str], *, numa: int = -1, cpus: str = "") -> SysfsTree:
        """Attach a device, and the bridges above it that are not there yet.

        Args:
            path: from its host bridge on: `pci0000:16/0000:16:01.0/0000:17:00.0`.
            files: the device's files.
            numa: its NUMA node; -1 for unknown, as the kernel writes it.
            cpus: the processors near it.
        """
        parts = path.split("/")
        for depth, address in enumerate(parts[1:], 2):
            last = depth == len(parts)
            entry = self.root / "sys/bus/pci/devices" / address
            if not last and entry.is_symlink():
                continue
            folder = "sys/devices/" + "/".join(parts[:depth])
            told = dict(files) if last else {**_BRIDGE, **_LINK}
            self.write({f"{folder}/{name}": text for name, text in told.items()})
            self.write({f"{folder}/numa_node": str(numa), f"{folder}/local_cpulist": cpus})
            entry.symlink_to(f"../../../{folder.removeprefix('sys/')}")
        return self

    def acs(self, address: str, control: int) -> SysfsTree:
        """Give a bridge a configuration space with Access Control Services, set as `control` says."""
        space = bytearray(4096)
        space[0x100:0x108] = (0x0001 | 1 << 16 | 0x148 << 20).to_bytes(
            8, "little"
        )  # error reporting, and where to go on
        space[0x148:0x150] = (
            (0x000D | 1 << 16).to_bytes(4, "little") + (0x5F).to_bytes(2, "little") + control.to_bytes(2, "little")
        )
        (self.root / "sys/bus/pci/devices" / address / "config").write_bytes(space)
        return self

    def iommu(self, kind: str, addresses: Sequence[str]) -> SysfsTree:
        """Put each device into an IOMMU group whose domain is of this kind: `identity`, `DMA`, `DMA-FQ`."""
        for number, address in enumerate(addresses):
            self.write({f"sys/kernel/iommu_groups/{number}/type": kind})
            (self.root / f"sys/bus/pci/devices/{address}/iommu_group").symlink_to(f"/sys/kernel/iommu_groups/{number}")
        return self


def dgx(root: Path) -> SysfsTree:
    """Two sockets; on each four switches with a GPU and an InfiniBand card, two drives, and an NVSwitch of four.

    GPU and network card of one switch are at `N1:00.0` and `N2:00.0` for N from 1 to 8.
    """
    cpus = ["0-55,112-167", "56-111,168-223"]
    tree = (
        SysfsTree(root)
        .numa(cpus)
        .write({"proc/cpuinfo": "model name\t: Intel(R) Xeon(R) Platinum 8480C\nflags\t: fpu vme\n"})
    )
    (root / "sys/kernel/iommu_groups").mkdir(parents=True)
    for number in range(8):
        bus, numa = f"{number + 1}", number // 4
        switch = f"pci0000:{bus}0/0000:{bus}0:01.0/0000:{bus}f:00.0"
        rdma = {**INFINIBAND, **_port(f"mlx5_{number}")}
        tree.pci(f"{switch}/0000:{bus}e:00.0/0000:{bus}1:00.0", GPU, numa=numa, cpus=cpus[numa])
        tree.pci(f"{switch}/0000:{bus}e:01.0/0000:{bus}2:00.0", rdma, numa=numa, cpus=cpus[numa])
        drive = {**NVME, f"nvme/nvme{number}/state": "live"}
        tree.pci(f"pci0000:{bus}0/0000:{bus}0:03.0/0000:{bus}3:00.0", drive, numa=numa, cpus=cpus[numa])
    for number in range(4):
        tree.pci(f"pci0000:90/0000:90:0{number}.0/0000:9{number + 1}:00.0", NVSWITCH, numa=1, cpus=cpus[1])
    return tree


def _port(name: str) -> dict[str, str]:
    port = f"infiniband/{name}/ports/1"
    return {f"{port}/rate": "400 Gb/sec (4X NDR)", f"{port}/link_layer": "InfiniBand"}


def two_sockets(root: Path) -> SysfsTree:
    """Two sockets with two GPUs each, on root ports of their own, and an Ethernet card on the first."""
    cpus = ["0-15", "16-31"]
    tree = SysfsTree(root).numa(cpus)
    for number in range(4):
        numa, slot = number // 2, number % 2 + 1
        bus = ("1", "8")[numa]
        tree.pci(f"pci0000:{bus}0/0000:{bus}0:0{slot}.0/0000:{bus}{slot}:00.0", GPU, numa=numa, cpus=cpus[numa])
    card = {**ETHERNET, "net/eth0/speed": "25000"}
    return tree.pci("pci0000:20/0000:20:01.0/0000:21:00.0", card, numa=0, cpus=cpus[0])


def single_gpu(root: Path) -> SysfsTree:
    """A workstation: one processor, a GPU, and the console's graphics, which is no accelerator."""
    tree = SysfsTree(root).numa(["0-15"])
    tree.pci("pci0000:00/0000:00:01.0/0000:01:00.0", GPU, numa=0, cpus="0-15")
    return tree.pci("pci0000:00/0000:00:1c.0/0000:02:00.0", {"class": "0x030000", "vendor": "0x1a03"}, numa=0)


def virtual_machine(root: Path) -> SysfsTree:
    """A virtual machine with two GPUs on host bridges of their own; nobody tells where they are."""
    tree = SysfsTree(root).numa(["0-7", "8-15"])
    tree.write({"proc/cpuinfo": "model name\t: AMD EPYC\nflags\t\t: fpu hypervisor lm\n"})
    for domain in ("0001", "0002"):
        tree.pci(f"pci{domain}:00/{domain}:00:00.0", GPU, numa=-1, cpus="0-15")
    return tree


def no_gpu(root: Path) -> SysfsTree:
    """A server that has none."""
    return SysfsTree(root).numa(["0-3"]).pci("pci0000:00/0000:00:03.0", {**ETHERNET, "net/eth0/speed": "-1"}, numa=0)


def gb10(root: Path) -> SysfsTree:
    """One chip with processor and GPU, like GB10: the GPU is on no PCI bus, only the network card is."""
    tree = SysfsTree(root).numa(["0-19"])
    return tree.pci("pci0000:00/0000:00:00.0/0000:01:00.0", {**INFINIBAND, **_port("rocep1s0f0")}, numa=0, cpus="0-19")
