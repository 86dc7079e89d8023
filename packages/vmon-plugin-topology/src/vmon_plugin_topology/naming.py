"""The numbers of GPUs and network cards, as `nvidia-smi topo -m` gives them: in the order of their PCI addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.graph import NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_plugin_topology.graph import Node, Topology


_DIGITS = re.compile(r"\d{1,9}$")
_NUMBERED = (NodeKind.GPU, NodeKind.NIC)


def labelled(topology: Topology) -> Topology:
    """Name GPUs and network cards that have no label yet, and put those of a kind into the order of their labels."""
    labels: dict[str, str] = {}
    for nodes, prefix in ((topology.of(NodeKind.GPU), "GPU"), (topology.nics, "NIC")):
        if not any(node.label for node in nodes):
            labels |= {node.id: f"{prefix}{number}" for number, node in enumerate(sorted(nodes, key=lambda n: n.id))}
    return renamed(topology, labels)


def renamed(topology: Topology, labels: Mapping[str, str]) -> Topology:
    """Give nodes other labels, by their ids, and put those of a kind into the order of their numbers."""
    nodes = (attrs.evolve(node, label=labels.get(node.id, node.label)) for node in topology.nodes)
    return attrs.evolve(topology, nodes=tuple(sorted(nodes, key=_order)))


def _order(node: Node) -> tuple[int, str, int]:
    """Nothing is attached to those with numbers, so they may move behind all others; those without one are last."""
    if node.kind not in _NUMBERED:
        return 0, "", 0
    digits = _DIGITS.search(node.label)
    return (1, _DIGITS.sub("", node.label), int(digits[0])) if digits else (2, "", 0)
