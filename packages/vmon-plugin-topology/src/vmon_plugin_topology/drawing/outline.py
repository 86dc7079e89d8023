"""The graph as a tree without what says nothing: bridges that lead to one device only are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.graph import BRIDGES, DEVICES, Node, NodeKind

if TYPE_CHECKING:
    from vmon_plugin_topology.graph import Link, Topology

_TITLES = {
    NodeKind.NUMA: "NUMA",
    NodeKind.HOST_BRIDGE: "host bridge",
    NodeKind.ROOT_PORT: "root port",
    NodeKind.UPSTREAM_PORT: "switch",
    NodeKind.DOWNSTREAM_PORT: "port",
    NodeKind.SWITCH: "switch",
    NodeKind.NVSWITCH: "NVSwitch",
    NodeKind.NVME: "NVMe",
}


@attrs.frozen
class Item:
    """A node with what is attached to it."""

    node: Node
    children: tuple[Item, ...] = ()


def outline(topology: Topology) -> tuple[Item, ...]:
    """Make the tree."""
    return tuple(item for node in topology.children.get("", ()) for item in _items(topology, node, frozenset()))


def _items(topology: Topology, node: Node, above: frozenset[str]) -> tuple[Item, ...]:
    """What a node becomes: itself, what is below it, or nothing; a graph that lies about parents ends."""
    if node.id in above:
        return ()
    below = topology.children.get(node.id, ())
    children = tuple(item for child in below for item in _items(topology, child, above | {node.id}))
    if node.kind in BRIDGES or node.kind is NodeKind.HOST_BRIDGE:
        return (Item(node, children),) if len(children) > 1 else children
    return (Item(node, children),)


def title(node: Node) -> str:
    """What a node is called in a drawing.

    >>> title(Node(id="numa:1", kind=NodeKind.NUMA)), title(Node(id="0000:1f:00.0", kind=NodeKind.UPSTREAM_PORT))
    ('NUMA 1', 'switch 0000:1f:00.0')
    """
    if node.label:
        return node.label
    if node.kind in (NodeKind.PACKAGE, NodeKind.NUMA):
        return f"{_TITLES.get(node.kind, 'package')} {node.id.rpartition(':')[2]}"
    if node.kind is NodeKind.HOST_BRIDGE and node.id.startswith("host:"):
        return "host bridge"  # a capture told no address
    names = "/".join(node.interfaces) if node.kind is NodeKind.NVME else ""
    return names or f"{_TITLES.get(node.kind, node.kind.value.upper())} {node.id}"


def link_words(link: Link | None) -> str:
    """Lanes, speed and bandwidth of a PCIe link, as far as they are known.

    >>> from vmon_plugin_topology.graph import Link, LinkKind
    >>> link_words(Link(kind=LinkKind.PCIE, ends=("a", "b"), width=8, width_max=16, speed_max=32e9, bandwidth=31.5e9))
    'x8 of x16 32 GT/s 32 GB/s'
    """
    if link is None:
        return ""
    lanes = f"x{link.width}" if link.width else ""
    if link.width and link.width_max and link.width < link.width_max:
        lanes += f" of x{link.width_max}"
    speed = f"{link.speed_max / 1e9:g} GT/s" if link.speed_max else ""
    rate = f"{link.bandwidth / 1e9:.0f} GB/s" if link.bandwidth else ""
    return " ".join(filter(None, (lanes, speed, rate)))


def about(topology: Topology, node: Node) -> list[str]:
    """Further facts of a node, each a few words."""
    if node.kind is NodeKind.NUMA:
        size = f"{node.memory_bytes / 2**30:.0f} GiB" if node.memory_bytes else ""
        return [words for words in (node.model, size) if words]
    rate = f"{node.port_bandwidth * 8 / 1e9:g} Gb/s" if node.port_bandwidth else ""
    place = node.id if node.kind in DEVICES and title(node) != node.id and node.id not in title(node) else ""
    names = "/".join(node.interfaces) if node.kind is NodeKind.NIC else ""
    facts = (place, node.model, names, f"{node.fabric} {rate}".strip())
    return [words for words in (*facts, link_words(topology.uplinks.get(node.id))) if words]
