"""Where each box of the picture goes: small boxes in rows inside larger ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.cpus import format_list
from vmon_plugin_topology.drawing.outline import about, outline, title
from vmon_plugin_topology.graph import DEVICES, Node, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_plugin_topology.drawing.outline import Item
    from vmon_plugin_topology.graph import Topology

_LEAF_WIDTH, _LINE, _GAP, _PAD = 168, 18, 8, 10
_ROW = 1440
"""Pixels after which a row of boxes is continued in the next one."""
_CHARACTER = 6.6
"""Pixels of an average character of the 12-pixel font."""


@attrs.frozen
class Box:
    """A node's place in the picture, in pixels from its upper left corner, and what is written at its top."""

    node: Node
    x: int
    y: int
    width: int
    height: int
    words: tuple[str, ...]

    @property
    def foot(self) -> tuple[int, int]:
        """The middle of its lower edge."""
        return self.x + self.width // 2, self.y + self.height

    def moved(self, x: int, y: int) -> Box:
        """The same box elsewhere."""
        return attrs.evolve(self, x=self.x + x, y=self.y + y)


def laid_out(topology: Topology, margin: int) -> tuple[list[Box], int, int]:
    """Place everything.

    Returns:
        The boxes, outer ones first, and the width and height that they take with a margin around.
    """
    groups = [_group(topology, item) for item in outline(topology)]
    boxes, width, height = _rows(groups)
    return [box.moved(margin, margin) for box in boxes], width + 2 * margin, height + 2 * margin


def _group(topology: Topology, item: Item) -> list[Box]:
    """A box with everything in it, at the origin."""
    facts = _facts(topology, item.node)
    if not item.children:
        words = tuple(_cut(each, _LEAF_WIDTH) for each in facts)
        return [Box(item.node, 0, 0, _LEAF_WIDTH, _LINE * len(words) + 8, words)]
    inner, width, height = _rows([_group(topology, child) for child in item.children])
    width = max(width + 2 * _PAD, _LEAF_WIDTH)
    head = " · ".join(facts[1:])
    words = tuple(_cut(each, width) for each in (facts[0], head) if each)
    top = _LINE * len(words) + _PAD
    outer = Box(item.node, 0, 0, width, top + height + _PAD, words)
    return [outer, *(box.moved(_PAD, top) for box in inner)]


def _facts(topology: Topology, node: Node) -> list[str]:
    cpus = [f"CPUs {format_list(node.cpus)}"] if node.kind is NodeKind.NUMA and node.cpus else []
    facts = [title(node), *cpus, *about(topology, node)]
    return facts if node.kind in DEVICES or len(facts) > 1 else facts[:1]


def _cut(text: str, width: int) -> str:
    room = int((width - 16) / _CHARACTER)
    return text if len(text) <= room else text[: room - 1] + "…"


def _rows(groups: Iterable[list[Box]]) -> tuple[list[Box], int, int]:
    """Put groups beside each other, and below each other when a row is full."""
    placed: list[Box] = []
    x = y = widest = tallest = 0
    for group in groups:
        if x and x + group[0].width > _ROW:
            x, y, tallest = 0, y + tallest + _GAP, 0
        placed += [box.moved(x, y) for box in group]
        x += group[0].width + _GAP
        tallest = max(tallest, group[0].height)
        widest = max(widest, x - _GAP)
    return placed, widest, y + tallest
