"""What the operating system knows of single devices: names, ports, models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.bandwidth import port_rate
from vmon_plugin_topology.graph import Node, NodeKind

if TYPE_CHECKING:
    from vmon_plugin_topology.sysfs.files import Files

_MODEL = re.compile(r"^Model:\s*(.{1,100})$", re.MULTILINE)
_MEMORY_NODE = re.compile(r"^Node:\s*(\d{1,4})$", re.MULTILINE)
_MAX_INTERFACES = 8


def describe(files: Files, folder: str, node: Node) -> Node:
    """Add what is known of a device of this kind.

    Args:
        files: the tree.
        folder: the device's folder in it.
        node: what its PCI functions told already.
    """
    if node.kind is NodeKind.GPU:
        return _gpu(files, node)
    if node.kind is NodeKind.NIC:
        return _nic(files, folder, node)
    return attrs.evolve(node, interfaces=tuple(files.names(f"{folder}/nvme")[:_MAX_INTERFACES]))


def _gpu(files: Files, node: Node) -> Node:
    """Read what NVIDIA's driver writes to `/proc`; other drivers write nothing there."""
    folder = f"proc/driver/nvidia/gpus/{node.id}"
    model = _MODEL.search(files.text(f"{folder}/information"))
    memory = _MEMORY_NODE.search(files.text(f"{folder}/numa_status"))
    return attrs.evolve(
        node, model=model[1].strip() if model else node.model, memory_numa=int(memory[1]) if memory else None
    )


def _nic(files: Files, folder: str, node: Node) -> Node:
    """Read an RDMA device's first port (`ABI/stable/sysfs-class-infiniband`), or an Ethernet interface's speed."""
    rdma, (where, net) = files.names(f"{folder}/infiniband"), _network(files, folder)
    bandwidth, layer = None, ""
    if rdma:
        ports = f"{folder}/infiniband/{rdma[0]}/ports"
        port = next(iter(files.names(ports)), "1")
        bandwidth, layer = port_rate(files.text(f"{ports}/{port}/rate")), files.text(f"{ports}/{port}/link_layer")
    elif net:
        bandwidth = _ethernet_rate(files.text(f"{where}/{net[0]}/speed"))
    return attrs.evolve(
        node,
        interfaces=tuple([*rdma, *net][:_MAX_INTERFACES]),
        rdma=bool(rdma) or node.fabric in ("InfiniBand", "EFA"),
        fabric=layer if layer in ("InfiniBand", "Ethernet") and node.fabric != "EFA" else node.fabric,
        port_bandwidth=bandwidth,
    )


def _network(files: Files, folder: str) -> tuple[str, list[str]]:
    """Where a card's interfaces are, and their names; those of a virtual machine's are one folder deeper."""
    virtio = [f"{folder}/{name}" for name in files.names(folder) if name.startswith("virtio")]
    found = ((f"{each}/net", files.names(f"{each}/net")) for each in (folder, *virtio))
    return next((place for place in found if place[1]), ("", []))


def _ethernet_rate(text: str) -> float | None:
    """Bytes/s from megabits/s; -1 stands for unknown."""
    return int(text) * 1e6 / 8 if text.isdecimal() and len(text) <= 8 and int(text) else None  # noqa: PLR2004 (digits)
