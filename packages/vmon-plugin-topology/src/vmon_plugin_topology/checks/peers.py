"""Whether something stands between GPUs that reach each other over PCIe."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_plugin_topology.checks.explanations import PEER_ACCESS
from vmon_plugin_topology.graph import BRIDGES, Iommu
from vmon_plugin_topology.relations import Path, relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_topology.graph import Node, Topology
    from vmon_plugin_topology.placement import Placement

_OVER_PCIE = frozenset({Path.PIX, Path.PXB, Path.PHB})
_MOST = 8
"""Bridges that are named."""

_check = partial(CompatibilityCheck, code=PEER_ACCESS)


def peer_access(topology: Topology, place: Placement) -> Iterator[CompatibilityCheck]:
    """Look at the bridges between the members of each tensor parallel group, and at the IOMMU."""
    pairs = [pair for group in place.groups for pair in combinations(group, 2)]
    ways = {relation(topology, a, b).path for a, b in pairs}
    if ways == {Path.LINK}:
        yield _check(verdict=CheckVerdict.OK, summary="the devices of each tensor parallel group have direct links")
    if not ways & _OVER_PCIE:
        return
    if topology.virtual:
        summary = "a virtual machine does not show the ACS and the IOMMU of its host"
        yield _check(verdict=CheckVerdict.NOT_EVALUATED, summary=summary)
        return
    near = [pair for pair in pairs if relation(topology, *pair).path in _OVER_PCIE]
    yield _judge(topology, {bridge.id: bridge for pair in near for bridge in bridges_between(topology, *pair)})


def bridges_between(topology: Topology, a: Node, b: Node) -> list[Node]:
    """The PCIe bridges on the way from one device to another, their common one included."""
    one, two = list(topology.ancestors(a)), list(topology.ancestors(b))
    shared = next((node for node in one if node in two), None)
    ways = [nodes[: nodes.index(shared) + 1] if shared else nodes for nodes in (one, two)]
    return [node for way in ways for node in way if node.kind in BRIDGES]


def _judge(topology: Topology, bridges: dict[str, Node]) -> CompatibilityCheck:
    redirecting = [name for name, bridge in bridges.items() if bridge.redirects]
    unknown = [name for name, bridge in bridges.items() if bridge.redirects is None]
    evidence = (f"IOMMU: {topology.iommu or 'not known'}", *_named(redirecting))
    if redirecting or topology.iommu is Iommu.TRANSLATES:
        return _detour(topology, len(redirecting), evidence)
    if unknown:
        summary = f"the ACS of {len(unknown)} PCIe bridges between the GPUs cannot be read: only root can"
        return _check(verdict=CheckVerdict.NOT_EVALUATED, summary=summary, evidence=evidence)
    summary = f"none of {len(bridges)} PCIe bridges between the GPUs redirects traffic"
    return _check(verdict=CheckVerdict.OK, summary=summary, evidence=evidence)


def _detour(topology: Topology, redirecting: int, evidence: tuple[str, ...]) -> CompatibilityCheck:
    causes, fixes = list[str](), list[str]()
    if redirecting:
        causes.append(f"ACS of {redirecting} PCIe bridges redirects it")
        fixes.append("switch ACS off for these bridges (firmware, or setpci ECAP_ACS+0x6.w=0000)")
    if topology.iommu is Iommu.TRANSLATES:
        causes.append("the IOMMU translates its addresses")
        fixes.append("boot with iommu=pt")
    summary = f"traffic between GPUs makes a detour through the processor: {' and '.join(causes)}"
    return _check(verdict=CheckVerdict.WARNING, summary=summary, evidence=evidence, fix="; ".join(fixes))


def _named(bridges: list[str]) -> tuple[str, ...]:
    more = (f"and {len(bridges) - _MOST} more",) if len(bridges) > _MOST else ()
    return (*(f"{bridge} redirects peer-to-peer traffic" for bridge in bridges[:_MOST]), *more)
