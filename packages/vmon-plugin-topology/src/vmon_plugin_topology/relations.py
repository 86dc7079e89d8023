"""How two devices reach each other, in the words of `nvidia-smi topo -m`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.graph import BRIDGES, LinkKind, NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_plugin_topology.graph import Node, Topology


class Path(StrEnum):
    """A way between two devices; `LINK` is a direct one, or one through switches of the same kind of link."""

    SELF = "X"
    LINK = "NV"
    PIX = "PIX"
    PXB = "PXB"
    PHB = "PHB"
    NODE = "NODE"
    SYS = "SYS"
    UNKNOWN = "?"


MEANINGS: Mapping[Path, str] = {
    Path.SELF: "the device itself",
    Path.LINK: "a bonded set of so many NVLinks (XG: xGMI, C2C: chip to chip)",
    Path.PIX: "at most one PCIe switch",
    Path.PXB: "several PCIe switches, without passing the host bridge",
    Path.PHB: "PCIe and a host bridge, usually in the processor",
    Path.NODE: "PCIe and the way between host bridges in one NUMA node",
    Path.SYS: "PCIe and the interconnect between NUMA nodes",
    Path.UNKNOWN: "not known: the machine does not tell",
}
"""What each means, from near to far."""

RANKS: Mapping[Path, int] = {path: rank for rank, path in enumerate(MEANINGS)}
"""Nearer ones have lower ranks; what is unknown has no rank to compare with, and is last here."""

_NAMES = {LinkKind.NVLINK: "NV", LinkKind.XGMI: "XG", LinkKind.C2C: "C2C"}
_LINKED = (NodeKind.GPU, NodeKind.NVSWITCH)


@attrs.frozen
class Relation:
    """How two devices reach each other.

    Attributes:
        path: the way.
        links: bonded links of a direct way.
        kind: what kind of link that is.
    """

    path: Path
    links: int = 0
    kind: LinkKind = LinkKind.NVLINK

    def __str__(self) -> str:
        if self.path is not Path.LINK:
            return self.path.value
        return _NAMES[self.kind] + (str(self.links) if self.kind is not LinkKind.C2C else "")


def relation(topology: Topology, a: Node, b: Node) -> Relation:
    """How two devices reach each other.

    >>> from vmon_plugin_topology.graph import Node, NodeKind, Topology
    >>> one, two = (Node(id=name, kind=NodeKind.GPU, numa=int(name)) for name in "01")
    >>> str(relation(Topology(source="", nodes=(one, two)), one, two))
    'SYS'
    """
    if a.id == b.id:
        return Relation(Path.SELF)
    if a.kind in _LINKED and b.kind in _LINKED:
        direct = _direct(topology, a, b) or _switched(topology, a, b)
        if direct is not None:
            return direct
    return Relation(pci_path(topology, a, b))


def _direct(topology: Topology, a: Node, b: Node) -> Relation | None:
    for link in topology.peer_links.get(a.id, ()):
        if b.id in link.ends:
            return Relation(Path.LINK, link.count, link.kind)
    return None


def _switched(topology: Topology, a: Node, b: Node) -> Relation | None:
    """Through NVSwitches, which connect everything that is connected to them; the end with fewer links limits."""
    counts = [_links_to_switches(topology, node) for node in (a, b)]
    return Relation(Path.LINK, min(counts)) if all(counts) else None


def _links_to_switches(topology: Topology, node: Node) -> int:
    if node.kind is not NodeKind.GPU:
        return 0
    links = topology.peer_links.get(node.id, ())
    ends = ((topology.by_id.get(end), link) for link in links for end in link.ends if end != node.id)
    return sum(link.count for end, link in ends if end is not None and end.kind is NodeKind.NVSWITCH)


def pci_path(topology: Topology, a: Node, b: Node) -> Path:
    """How two devices reach each other over PCIe alone.

    Two ports are one switch. So below a common port, each side may have one port that leads to the device, and the way
    is still through one switch; below a node that is a whole switch there may be none.
    """
    above = {node.id: bridges for bridges, node in enumerate(topology.ancestors(a))}
    for bridges, node in enumerate(topology.ancestors(b)):
        if node.id in above and node.kind in BRIDGES:
            allowed = 0 if node.kind is NodeKind.SWITCH else 1
            return Path.PIX if max(bridges, above[node.id]) <= allowed else Path.PXB
        if node.id in above and node.kind is NodeKind.HOST_BRIDGE:
            return Path.PHB
    return _beyond_host_bridges(topology, a, b)


def _beyond_host_bridges(topology: Topology, a: Node, b: Node) -> Path:
    if a.numa is None or b.numa is None:
        return Path.UNKNOWN
    if a.numa != b.numa:
        return Path.SYS
    hosts = [_host_bridge(topology, node) for node in (a, b)]
    if all(hosts) or _domain(a) != _domain(b):  # a PCI domain begins at a host bridge; what is on no bus is below none
        return Path.NODE
    return Path.UNKNOWN


def _host_bridge(topology: Topology, node: Node) -> str:
    return next((n.id for n in topology.ancestors(node) if n.kind is NodeKind.HOST_BRIDGE), "")


def _domain(node: Node) -> str:
    return node.id.partition(":")[0]
