"""Ways between devices that the trees do not show."""

from __future__ import annotations

from vmon_plugin_topology.graph import Node, NodeKind, Topology
from vmon_plugin_topology.matrix import nearest_nics
from vmon_plugin_topology.relations import MEANINGS, Path, relation


def node(name: str, kind: NodeKind = NodeKind.GPU, parent: str = "", numa: int | None = None) -> Node:
    """A node."""
    return Node(id=name, kind=kind, parent=parent, numa=numa)


def test_unknown_card_may_be_the_nearest() -> None:
    """One card is far and the way to another is not known: so is which of them is nearer."""
    gpu, far, unknown = node("0000:01:00.0", numa=0), node("b", NodeKind.NIC, numa=1), node("c", NodeKind.NIC)
    assert nearest_nics(Topology(source="", nodes=(gpu, far, unknown)), gpu) == (Path.UNKNOWN, ())


def test_near_card_stays_the_nearest() -> None:
    """Nothing can be nearer than a card below the same switch."""
    switch = node("s", NodeKind.SWITCH)
    gpu, near, unknown = node("a", parent="s"), node("b", NodeKind.NIC, "s"), node("c", NodeKind.NIC)
    assert nearest_nics(Topology(source="", nodes=(switch, gpu, near, unknown)), gpu) == (Path.PIX, (near,))


def test_same_domain_without_host_bridges() -> None:
    """They may share a switch or not; on different nodes they cannot."""
    one, two, three = node("0000:01:00.0", numa=0), node("0000:02:00.0", numa=0), node("0000:03:00.0", numa=1)
    found = Topology(source="", nodes=(one, two, three))
    assert [str(relation(found, one, other)) for other in (one, two, three)] == ["X", "?", "SYS"]


def test_each_way_has_a_meaning() -> None:
    """The legend can explain every word of the matrix."""
    assert set(MEANINGS) == set(Path)
