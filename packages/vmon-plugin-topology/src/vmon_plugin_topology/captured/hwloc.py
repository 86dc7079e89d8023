"""hwloc's export: `<topology>` with nested `<object>` (hwloc 1.11 to 3.0, `hwloc2.dtd`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_plugin_topology import pci
from vmon_plugin_topology.captured.distances import interconnect, nvlinks
from vmon_plugin_topology.captured.document import walk, whole
from vmon_plugin_topology.cpus import parse_mask
from vmon_plugin_topology.graph import Link, LinkKind, Node, NodeKind, Topology
from vmon_plugin_topology.naming import labelled
from vmon_plugin_topology.peers import connected

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

_BUSES = re.compile(r"([0-9a-f]{4,8}):\[([0-9a-f]{2})-[0-9a-f]{2}\]")
_TYPE = re.compile(r"([0-9a-f]{4}) \[([0-9a-f]{4}):([0-9a-f]{4})\]")
_SPEED = re.compile(r"\d{1,4}(?:\.\d{1,9})?")
_TOP = Node(id="", kind=NodeKind.PACKAGE)


def read_hwloc(root: ET.Element, source: str) -> Topology:
    """Make the graph; links have a bandwidth, and neither width nor speed, because hwloc exports none."""
    reader = _Reader()
    for element in walk(root, "object"):
        reader.add(element, _TOP, None, frozenset())
    nodes = tuple({node.id: node for node in reader.nodes}.values())
    topology = labelled(Topology(source=source, nodes=nodes, links=(*reader.links, *interconnect(root))))
    return connected(topology, nvlinks(root, reader.devices))


class _Reader:
    """Collects nodes from the top down.

    Attributes:
        devices: ids of PCI devices by the numbers (`gp_index`) of their objects and of those in them.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.links: list[Link] = []
        self.devices: dict[str, str] = {}

    def add(self, element: ET.Element, parent: Node, numa: int | None, cpus: frozenset[int]) -> None:
        """Add an object and what is in it.

        Args:
            element: the object.
            parent: the nearest node above it.
            numa: the NUMA node that it lies in, None when that is not one.
            cpus: the processors that are near.
        """
        if element.get("nodeset"):
            near = parse_mask(element.get("nodeset", ""))
            numa, cpus = (min(near) if len(near) == 1 else None), parse_mask(element.get("cpuset", ""))
        node = self._node(element, parent, numa, cpus)
        if node is not None:
            self.nodes.append(node)
            self._connect(element, parent, node)
        for child in walk(element, "object"):
            self.add(child, node or parent, numa, cpus)

    def _node(self, element: ET.Element, parent: Node, numa: int | None, cpus: frozenset[int]) -> Node | None:
        kind, number = element.get("type", ""), whole(element.get("os_index"))
        if kind == "Package" and number is not None:
            return Node(
                id=f"package:{number}",
                kind=NodeKind.PACKAGE,
                parent=parent.id,
                cpus=cpus,
                model=_info(element, "CPUModel"),
            )
        if kind == "NUMANode" and number is not None:
            memory = whole(element.get("local_memory"), digits=18)
            return Node(
                id=f"numa:{number}", kind=NodeKind.NUMA, parent=parent.id, numa=number, cpus=cpus, memory_bytes=memory
            )
        attached = parent.id if parent.kind is not NodeKind.PACKAGE or numa is None else f"numa:{numa}"
        if kind == "Bridge":
            return _bridge(element, parent, attached, numa)
        return _device(element, attached, numa, cpus) if kind == "PCIDev" else None

    def _connect(self, element: ET.Element, parent: Node, node: Node) -> None:
        if node.kind in (NodeKind.PACKAGE, NodeKind.NUMA):
            return
        for each in (element, *walk(element, "object")):
            self.devices[each.get("gp_index", "")] = node.id
        if parent.kind is NodeKind.HOST_BRIDGE:
            self.links.append(Link(kind=LinkKind.HOST, ends=(parent.id, node.id)))
        elif node.kind is not NodeKind.HOST_BRIDGE and node.parent:
            speed = element.get("pci_link_speed", "")  # GB/s of all lanes
            bandwidth = float(speed) * 1e9 if _SPEED.fullmatch(speed) and float(speed) else None
            self.links.append(Link(kind=LinkKind.PCIE, ends=(node.parent, node.id), bandwidth=bandwidth))


def _bridge(element: ET.Element, parent: Node, attached: str, numa: int | None) -> Node | None:
    address, buses = pci.address(element.get("pci_busid", "")), _BUSES.match(element.get("bridge_pci", ""))
    if element.get("bridge_type", "").startswith("0-") and buses:
        return Node(id=f"pci{buses[1]}:{buses[2]}", kind=NodeKind.HOST_BRIDGE, parent=attached, numa=numa)
    return Node(id=address, kind=pci.port_kind(parent.kind), parent=attached, numa=numa) if address else None


def _device(element: ET.Element, attached: str, numa: int | None, cpus: frozenset[int]) -> Node | None:
    told = _TYPE.match(element.get("pci_type", ""))
    address = pci.address(element.get("pci_busid", ""))
    class_code, vendor, device = told.groups() if told else ("", "", "")
    is_switch = element.get("subtype") == "NVSwitch"  # its PCI class may be unreadable
    kind = NodeKind.NVSWITCH if is_switch else pci.device_kind(class_code, vendor)
    if not address or kind is None:
        return None
    parts = list(walk(element, "object"))
    names = tuple(name for part in parts if (name := part.get("name", "")[:32]))
    fabric = pci.fabric(class_code, vendor, device) if kind is NodeKind.NIC else ""
    return Node(
        id=address,
        kind=kind,
        parent=attached,
        numa=numa,
        cpus=cpus,
        model=next(filter(None, (_info(part, "GPUModel") for part in parts)), pci.VENDORS.get(vendor, "")),
        interfaces=names,
        fabric=fabric,
        rdma=fabric in ("InfiniBand", "EFA") or None,
    )


def _info(element: ET.Element, name: str) -> str:
    return next((info.get("value", "")[:100] for info in walk(element, "info") if info.get("name") == name), "")
