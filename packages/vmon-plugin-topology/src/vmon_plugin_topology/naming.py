"""The numbers of GPUs and network cards, as `nvidia-smi topo -m` gives them: in the order of their PCI addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.graph import NodeKind

if TYPE_CHECKING:
    from vmon_plugin_topology.graph import Topology


def labelled(topology: Topology) -> Topology:
    """Name GPUs and network cards that have no label yet, and put those of a kind into the order of their labels."""
    labels: dict[str, str] = {}
    for nodes, prefix in ((topology.of(NodeKind.GPU), "GPU"), (topology.nics, "NIC")):
        if not any(node.label for node in nodes):
            labels |= {node.id: f"{prefix}{number}" for number, node in enumerate(sorted(nodes, key=lambda n: n.id))}
    nodes = tuple(attrs.evolve(node, label=labels.get(node.id, node.label)) for node in topology.nodes)
    return attrs.evolve(topology, nodes=tuple(sorted(nodes, key=lambda node: _number(node.label))))


def _number(label: str) -> int:
    digits = label.lstrip("GPUNIC")
    return int(digits) if digits.isdecimal() else -1
