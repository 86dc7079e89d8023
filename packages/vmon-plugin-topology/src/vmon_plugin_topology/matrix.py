"""The matrix of `nvidia-smi topo -m`, without nvidia-smi."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.graph import Node
from vmon_plugin_topology.relations import RANKS, Path, Relation, relation

if TYPE_CHECKING:
    from vmon_plugin_topology.graph import Topology


@attrs.frozen(kw_only=True)
class Matrix:
    """Accelerators and network cards against each other.

    Attributes:
        devices: what stands in the rows and columns, accelerators first.
        cells: by row and column.
    """

    devices: tuple[Node, ...]
    cells: tuple[tuple[Relation, ...], ...]

    def words(self) -> list[list[str]]:
        """The cells as nvidia-smi writes them."""
        return [[str(cell) for cell in row] for row in self.cells]


def matrix(topology: Topology) -> Matrix:
    """Compare all accelerators and network cards of a machine."""
    devices = (*topology.gpus, *topology.nics)
    cells = tuple(tuple(relation(topology, a, b) for b in devices) for a in devices)
    return Matrix(devices=devices, cells=cells)


def nearest_nics(topology: Topology, gpu: Node) -> tuple[Path, tuple[Node, ...]]:
    """The network cards that an accelerator reaches best, and how; `UNKNOWN` and none when that is not known.

    Where the way to some card is not known, that card may be nearer than all those beyond a host bridge.
    """
    paths = {nic.id: relation(topology, gpu, nic).path for nic in topology.nics}
    best = min(paths.values(), key=RANKS.__getitem__, default=Path.UNKNOWN)
    if RANKS[best] > RANKS[Path.PHB] and Path.UNKNOWN in (best, *paths.values()):
        return Path.UNKNOWN, ()
    return best, tuple(nic for nic in topology.nics if paths[nic.id] is best)
