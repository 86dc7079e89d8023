"""NCCL's topology: `<system>` with `<cpu>` for each NUMA node, and nested `<pci>` (NCCL 2.28, `src/graph/xml.cc`)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology import pci
from vmon_plugin_topology.bandwidth import link_speed, link_width, nvlink_bandwidth, pcie_bandwidth
from vmon_plugin_topology.captured.document import walk, whole
from vmon_plugin_topology.cpus import parse_mask
from vmon_plugin_topology.graph import Link, LinkKind, Node, NodeKind, Topology
from vmon_plugin_topology.naming import labelled
from vmon_plugin_topology.peers import PeerReport, connected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree import ElementTree as ET

_VERSIONS: Mapping[str, str] = MappingProxyType({"6": "1", "7": "2", "8": "3", "9": "4", "10": "5"})
"""NVLink's version by the first digits of the compute capability that NCCL writes as `sm`."""

_PEERS = {"nvlink": LinkKind.NVLINK, "xgmi": LinkKind.XGMI, "c2c": LinkKind.C2C}


def read_nccl(root: ET.Element, source: str) -> Topology:
    """Make the graph.

    NCCL writes no host bridges. What hangs on a processor is taken to have one of its own, as each x16 port of the
    server processors of this time has, so that two of them are `NODE` and not `PHB` to each other.
    """
    reader = _Reader()
    for cpu in walk(root, "cpu"):
        reader.add_cpu(cpu)
    nodes = tuple({node.id: node for node in reader.nodes}.values())
    topology = labelled(Topology(source=source, nodes=nodes, links=tuple(reader.links)))
    return connected(topology, reader.peers)


class _Reader:
    """Collects nodes from the top down."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.links: list[Link] = []
        self.peers: list[PeerReport] = []

    def add_cpu(self, element: ET.Element) -> None:
        numa = whole(element.get("numaid"))
        cpus = parse_mask(element.get("affinity", ""))
        above = ""
        if numa is not None:
            above = f"numa:{numa}"
            model = " ".join(filter(None, (element.get("vendor"), element.get("arch"))))
            self.nodes.append(Node(id=above, kind=NodeKind.NUMA, numa=numa, cpus=cpus, model=model))
        for number, child in enumerate(walk(element, "pci")):
            bridge = Node(id=f"host:{numa}:{number}", kind=NodeKind.HOST_BRIDGE, parent=above, numa=numa, cpus=cpus)
            self.nodes.append(bridge)
            self._add_pci(child, bridge)

    def _add_pci(self, element: ET.Element, parent: Node) -> None:
        address = pci.address(element.get("busid", ""))
        class_code = element.get("class", "").lower().removeprefix("0x")
        vendor = element.get("vendor", "").lower().removeprefix("0x")
        bridge = pci.is_bridge(class_code)
        kind = NodeKind.SWITCH if bridge else _device_kind(element, class_code, vendor)
        if not address or kind is None:
            return
        node = Node(id=address, kind=kind, parent=parent.id, numa=parent.numa, cpus=parent.cpus)
        if kind is NodeKind.NIC:
            device = element.get("device", "").lower().removeprefix("0x")
            node = _nic(node, element, pci.fabric(class_code, vendor, device))
        self.nodes.append(attrs.evolve(node, model=pci.VENDORS.get(vendor, "")))
        self.links.append(_link(element, parent, node))
        self.peers += _peers(element, node.id)
        for child in walk(element, "pci") if bridge else ():
            self._add_pci(child, node)


def _device_kind(element: ET.Element, class_code: str, vendor: str) -> NodeKind | None:
    """What a device is; vendors that the file does not know, or hides as `0xffff`, do not count."""
    if any(walk(element, "gpu")):
        return NodeKind.GPU
    return pci.device_kind(class_code, "" if vendor in ("0000", "ffff") else vendor)


def _nic(node: Node, element: ET.Element, fabric: str) -> Node:
    ports = [port for card in walk(element, "nic") for port in walk(card, "net")]
    speeds = [speed for port in ports if (speed := whole(port.get("speed")))]
    return attrs.evolve(
        node,
        interfaces=tuple(name for port in ports if (name := port.get("name", "")[:32])),
        fabric=fabric,
        rdma=True,  # NCCL's files hold the cards that it uses
        port_bandwidth=sum(speeds) * 1e6 / 8 if speeds else None,
    )


def _link(element: ET.Element, parent: Node, node: Node) -> Link:
    """Files for clouds may say `32.0 GT/s PCIe`, dumps `16.0 GT/s PCIe`: both at full speed."""
    speed, width = link_speed(element.get("link_speed", "")), link_width(element.get("link_width", ""))
    bandwidth = pcie_bandwidth(speed, width)
    ends = (parent.id, node.id)
    return Link(kind=LinkKind.PCIE, ends=ends, width=width, speed=speed, speed_max=speed, bandwidth=bandwidth)


def _peers(element: ET.Element, origin: str) -> Iterator[PeerReport]:
    for gpu in walk(element, "gpu"):
        version = _VERSIONS.get(gpu.get("sm", "")[:-1], "")
        for child in gpu:
            count = whole(child.get("count")) or (1 if child.tag == "c2c" else 0)
            if child.tag in _PEERS and count:
                yield PeerReport(
                    kind=_PEERS[child.tag],
                    origin=origin,
                    remote=pci.address(child.get("target", "")),
                    to_switch=child.get("tclass", "").startswith("0x0680"),
                    count=count,
                    bandwidth=nvlink_bandwidth(version, count) if child.tag == "nvlink" else None,
                )
