"""The tree and the matrix for a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import attrs
import click

from vmon_plugin_topology.cpus import format_list
from vmon_plugin_topology.drawing.outline import about, outline, title
from vmon_plugin_topology.graph import NodeKind
from vmon_plugin_topology.matrix import matrix
from vmon_plugin_topology.relations import MEANINGS, Path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_plugin_topology.drawing.outline import Item
    from vmon_plugin_topology.graph import Topology
    from vmon_plugin_topology.matrix import Matrix

_COLOURS = {
    Path.SELF: "bright_black",
    Path.LINK: "green",
    Path.PIX: "green",
    Path.PXB: "cyan",
    Path.PHB: "yellow",
    Path.NODE: "yellow",
    Path.SYS: "red",
    Path.UNKNOWN: "bright_black",
}
_MAX_CPUS = 24
"""Characters of a list of processors in the matrix; `--json` has all of it."""


def tree_lines(topology: Topology) -> Iterator[str]:
    """Draw the tree, a line for each node that says something."""
    for item in outline(topology):
        yield from _branch(topology, item, "", "")


def _branch(topology: Topology, item: Item, first: str, rest: str) -> Iterator[str]:
    node = item.node
    cpus = [f"CPUs {_short(node.cpus)}"] if node.kind is NodeKind.NUMA and node.cpus else []
    name = click.style(title(node), bold=True) if node.kind in (NodeKind.GPU, NodeKind.NIC) else title(node)
    yield first + "  ".join([name, *cpus, *about(topology, node)])
    for place, child in enumerate(item.children):
        last = place == len(item.children) - 1
        yield from _branch(topology, child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _short(cpus: frozenset[int]) -> str:
    text = format_list(cpus)
    return text if len(text) <= _MAX_CPUS else text[: _MAX_CPUS - 1] + "…"


@attrs.frozen
class _Column:
    """A column of the table: its head, and a cell for each row with the colour of it."""

    head: str
    cells: tuple[str, ...]
    colours: tuple[str | None, ...]
    group: str

    @property
    def width(self) -> int:
        return max(map(len, (self.head, *self.cells))) + 1


def matrix_lines(topology: Topology, width: int) -> Iterator[str]:
    """Draw the matrix; where it is wider than the terminal, accelerators come first and network cards below.

    Args:
        topology: the machine.
        width: columns of the terminal.
    """
    table = matrix(topology)
    names = _Column("", tuple(node.name for node in table.devices), (None,) * len(table.devices), "")
    gpus, nics, nearby = list(_ways(table, NodeKind.GPU)), list(_ways(table, NodeKind.NIC)), list(_nearby(table))
    whole = [*gpus, *nics, *nearby]
    fits = sum(column.width for column in (names, *whole)) <= width
    blocks = [whole] if fits else list(_blocks([*gpus, *nearby, *nics], width - names.width))
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield from _rows([names, *block])


def _ways(table: Matrix, kind: NodeKind) -> Iterator[_Column]:
    for place, node in enumerate(table.devices):
        if node.kind is kind:
            cells = [row[place] for row in table.cells]
            yield _Column(node.name, tuple(map(str, cells)), tuple(_COLOURS[cell.path] for cell in cells), kind)


def _nearby(table: Matrix) -> Iterator[_Column]:
    plain = (None,) * len(table.devices)
    numa = tuple("N/A" if node.numa is None else str(node.numa) for node in table.devices)
    yield _Column("CPU affinity", tuple(_short(node.cpus) or "N/A" for node in table.devices), plain, "near")
    yield _Column("NUMA", numa, plain, "near")
    if any(node.memory_numa is not None for node in table.devices):
        own = tuple("N/A" if node.memory_numa is None else str(node.memory_numa) for node in table.devices)
        yield _Column("GPU NUMA", own, plain, "near")


def _blocks(columns: list[_Column], width: int) -> Iterator[list[_Column]]:
    """Break a table; columns of a group stay together where they fit."""
    block: list[_Column] = []
    for _, members in groupby(columns, key=lambda column: column.group):
        group = list(members)
        if block and sum(column.width for column in (*block, *group)) > width:
            yield block
            block = []
        for column in group:
            if block and sum(each.width for each in (*block, column)) > width:
                yield block
                block = []
            block.append(column)
    if block:
        yield block


def _rows(columns: list[_Column]) -> Iterator[str]:
    yield "".join(column.head.ljust(column.width) for column in columns).rstrip()
    for row in range(len(columns[0].cells)):
        cells = (click.style(c.cells[row].ljust(c.width), fg=c.colours[row]) for c in columns[:-1])
        last = columns[-1]
        yield "".join(cells) + click.style(last.cells[row], fg=last.colours[row])


def legend_lines(topology: Topology) -> Iterator[str]:
    """Explain the words of the matrix that are in it, and name the network cards."""
    table = matrix(topology)
    used = {cell.path for row in table.cells for cell in row}
    yield from (f"{_word(path):4} {MEANINGS[path]}" for path in MEANINGS if path in used and path is not Path.SELF)
    yield from _cards(topology)


def _word(path: Path) -> str:
    return "NV#" if path is Path.LINK else path.value


def _cards(topology: Topology) -> Iterable[str]:
    return [f"{nic.name}: {'/'.join(nic.interfaces)}" for nic in topology.nics if nic.interfaces]
