"""The machine as a picture: boxes in boxes, like the things in each other. One file, with its own style."""

from __future__ import annotations

from html import escape
from itertools import combinations
from typing import TYPE_CHECKING

from vmon_plugin_topology.drawing.layout import Box, laid_out
from vmon_plugin_topology.drawing.outline import title
from vmon_plugin_topology.graph import LinkKind, NodeKind
from vmon_plugin_topology.relations import Path, relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_topology.graph import Link, Topology

_STYLE = """
svg { --text: #1f2328; --faint: #59636e; --line: #b6bec8; --paper: #ffffff; --package: #f3f5f8; --numa: #e9eef5;
  --bridge: #ffffff; --gpu: #d9f2dd; --nic: #dbe9ff; --nvme: #f6ecd4; --nvswitch: #eadcf8; --peer: #1a7f37; }
@media (prefers-color-scheme: dark) { svg { --text: #e6edf3; --faint: #9da7b1; --line: #4b535d; --paper: #0d1117;
  --package: #161b22; --numa: #1d242d; --bridge: #262e38; --gpu: #14532d; --nic: #1c3a66; --nvme: #55431a;
  --nvswitch: #47306b; --peer: #56d364; } }
.paper { fill: var(--paper); } rect { fill: var(--bridge); stroke: var(--line); rx: 5px; }
.package { fill: var(--package); } .numa { fill: var(--numa); } .gpu { fill: var(--gpu); } .nic { fill: var(--nic); }
.nvme { fill: var(--nvme); } .nvswitch { fill: var(--nvswitch); }
text { font: 12px system-ui, sans-serif; fill: var(--faint); } .title { font-weight: 600; fill: var(--text); }
.peer { fill: none; stroke: var(--peer); stroke-width: 2; } .bar { fill: var(--peer); stroke: none; }
"""
_MARGIN, _LINE = 16, 18
_PEERS = (LinkKind.NVLINK, LinkKind.XGMI, LinkKind.C2C)


def svg(topology: Topology) -> str:
    """Draw a machine; everything that comes from outside is escaped."""
    boxes, width, height = laid_out(topology, _MARGIN)
    notes = list(_notes(topology))
    total = height + _LINE * len(notes) + _MARGIN
    places = {box.node.id: box for box in boxes}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" width="{width}" height="{total}">',
        f"<title>{escape(f'Topology of {topology.source}')}</title><style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{total}" stroke="none"/>',
        *(_box(box, linked=box.node.id in topology.peer_links) for box in boxes),
        *(_curve(places[link.ends[0]], places[link.ends[1]], link) for link in _direct(topology, places)),
        *(_text(_MARGIN, height + _LINE * (row + 1), note, "note") for row, note in enumerate(notes)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box, *, linked: bool) -> str:
    shape = f'<rect class="{box.node.kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"/>'
    lines = [
        _text(box.x + 8, box.y + _LINE * (row + 1) - 2, words, "note" if row else "title")
        for row, words in enumerate(box.words)
    ]
    if linked and box.node.kind is NodeKind.GPU:
        lines.append(f'<rect class="bar" x="{box.x}" y="{box.y + box.height - 4}" width="{box.width}" height="4"/>')
    return "".join([shape, *lines])


def _text(x: int, y: int, words: str, name: str) -> str:
    return f'<text class="{name}" x="{x}" y="{y}">{escape(words)}</text>'


def _direct(topology: Topology, places: dict[str, Box]) -> Iterator[Link]:
    """The links that lead from one GPU to another; those through switches would be a tangle of lines."""
    for link in topology.links:
        ends = [places.get(end) for end in link.ends]
        if link.kind in _PEERS and all(end is not None and end.node.kind is NodeKind.GPU for end in ends):
            yield link


def _curve(a: Box, b: Box, link: Link) -> str:
    (x1, y1), (x2, y2) = a.foot, b.foot
    sag = 12 + abs(x2 - x1) // 12
    path = f"M{x1} {y1} C{x1} {y1 + sag} {x2} {y2 + sag} {x2} {y2}"
    told = escape(f"{title(a.node)} and {title(b.node)}: {link.count} {link.kind.value}")
    return f'<path class="peer" d="{path}"><title>{told}</title></path>'


def _notes(topology: Topology) -> Iterator[str]:
    """Say in words which GPUs have direct links: the green bar and lines."""
    every = {str(relation(topology, a, b)) for a, b in combinations(topology.gpus, 2)}
    if len(every) == 1 and topology.peer_links:
        yield f"every GPU to every other: {every.pop()}"
        return
    for number, gpu in enumerate(topology.gpus):
        ways = [(other, relation(topology, gpu, other)) for other in topology.gpus[number + 1 :]]
        linked = [f"{other.name} {way}" for other, way in ways if way.path is Path.LINK]
        if linked:
            yield f"{gpu.name} to {', '.join(linked)}"
