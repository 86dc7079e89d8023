"""Groups of accelerators that work in lockstep: how well they reach each other, and whether others would do better."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from vmon_plugin_topology.graph import Node
from vmon_plugin_topology.relations import RANKS, Path, relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_plugin_topology.graph import Topology

SLOW = frozenset({Path.NODE, Path.SYS})
"""Ways that a collective should not take where there is another: they share the processors' interconnect."""


def worst(topology: Topology, group: Sequence[Node]) -> Path:
    """The slowest way between two members of a group; what is not known counts as the slowest."""
    ways = (relation(topology, a, b).path for a, b in combinations(group, 2))
    return max(ways, key=RANKS.__getitem__, default=Path.SELF)


def arranged(topology: Topology, gpus: Sequence[Node], size: int, count: int) -> list[tuple[Node, ...]]:
    """Make groups of accelerators that are near to each other.

    It is greedy, level by level from the nearest: what it returns may be beaten, but is as good as `worst` says.

    Returns:
        `count` groups of `size`, or none when there are not enough accelerators.
    """
    left, groups = list(gpus), list[tuple[Node, ...]]()
    while len(groups) < count:
        group = _nearest(topology, left, size)
        if not group:
            return []
        groups.append(group)
        left = [gpu for gpu in left if gpu not in group]
    return groups


def _nearest(topology: Topology, gpus: list[Node], size: int) -> tuple[Node, ...]:
    for level in RANKS:
        for start in gpus:
            group = [start]
            for gpu in gpus:
                near = all(RANKS[relation(topology, gpu, member).path] <= RANKS[level] for member in group)
                if gpu is not start and near and len(group) < size:
                    group.append(gpu)
            if len(group) == size:
                return tuple(gpu for gpu in gpus if gpu in group)
    return ()
