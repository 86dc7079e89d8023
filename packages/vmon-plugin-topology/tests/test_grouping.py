"""Groups of accelerators, and which are near to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_topology.graph import Node, NodeKind, Topology
from vmon_plugin_topology.grouping import arranged, worst
from vmon_plugin_topology.relations import RANKS, Path

if TYPE_CHECKING:
    from collections.abc import Sequence


def box(numa: Sequence[int | None]) -> Topology:
    """GPUs in PCI domains of their own, each at a NUMA node."""
    nodes = (Node(id=f"{n:04x}:00:00.0", kind=NodeKind.GPU, label=f"GPU{n}", numa=node) for n, node in enumerate(numa))
    return Topology(source="", nodes=tuple(nodes))


def test_nearest_groups() -> None:
    """GPUs that are mixed up are put together by their nodes."""
    found = box([0, 1, 0, 1])
    groups = arranged(found, found.gpus, 2, 2)
    assert [[gpu.label for gpu in group] for group in groups] == [["GPU0", "GPU2"], ["GPU1", "GPU3"]]
    assert worst(found, found.gpus) is Path.SYS


def test_too_few() -> None:
    """There are no groups then."""
    found = box([0, 0, 0])
    assert arranged(found, found.gpus, 2, 2) == []


def test_unknown_is_the_last_choice() -> None:
    """A GPU at an unknown place is taken only where no other is left."""
    found = box([0, None, 1])
    assert [gpu.label for gpu in arranged(found, found.gpus, 2, 1)[0]] == ["GPU0", "GPU2"]
    assert worst(found, found.gpus) is Path.UNKNOWN


@given(st.lists(st.sampled_from([0, 1, None]), max_size=8), st.integers(1, 4), st.integers(1, 3))
def test_groups_are_whole_and_apart(numa: list[int | None], size: int, count: int) -> None:
    """Each has its size, and no GPU is in two; there are some whenever there are enough GPUs."""
    found = box(numa)
    groups = arranged(found, found.gpus, size, count)
    members = [gpu.id for group in groups for gpu in group]
    assert len(set(members)) == len(members) == (size * count if size * count <= len(numa) else 0)
    assert all(RANKS[worst(found, group)] >= 0 for group in groups)
