"""The graph for Graphviz: `vmon topology --dot | dot -Tpng > box.png`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vmon_plugin_topology.drawing.outline import link_words, title
from vmon_plugin_topology.graph import LinkKind, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_topology.graph import Link, Topology

_SHAPES = {NodeKind.GPU: "box3d", NodeKind.NIC: "cds", NodeKind.NVSWITCH: "hexagon", NodeKind.NVME: "cylinder"}
_PEERS = (LinkKind.NVLINK, LinkKind.XGMI, LinkKind.C2C)


def dot(topology: Topology) -> str:
    """Write the whole graph, every bridge included."""
    return "\n".join(["graph topology {", "  node [shape=box];", *_lines(topology), "}"])


def _lines(topology: Topology) -> Iterator[str]:
    for node in topology.nodes:
        words = "\n".join(filter(None, (title(node), node.model)))
        yield f"  {_quoted(node.id)} [label={_quoted(words)}, shape={_SHAPES.get(node.kind, 'box')}];"
    linked = {link.ends for link in topology.links}
    for node in topology.nodes:
        if node.parent in topology.by_id and (node.parent, node.id) not in linked:
            yield f"  {_quoted(node.parent)} -- {_quoted(node.id)} [style=dotted];"
    for link in topology.links:
        if all(end in topology.by_id for end in link.ends):
            yield f"  {_quoted(link.ends[0])} -- {_quoted(link.ends[1])} [{_looks(link)}];"


def _looks(link: Link) -> str:
    if link.kind in _PEERS:
        return f"label={_quoted(f'{link.kind.value} x{link.count}')}, color=forestgreen, constraint=false"
    if link.kind is LinkKind.SMP:
        return "style=bold, constraint=false"
    return f"label={_quoted(link_words(link))}"


def _quoted(text: str) -> str:
    """A string of Graphviz; its escapes for quotes and line ends are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
