"""Direct links between accelerators: what each end reports, made one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology.graph import Link, LinkKind, Node, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_plugin_topology.graph import Topology

HIDDEN_SWITCH = "hidden"
"""Stands for the NVSwitches that a container or a virtual machine does not see."""


@attrs.frozen(kw_only=True)
class PeerReport:
    """What one end says about its links to another device.

    Attributes:
        kind: of the links.
        origin: the node that says so.
        remote: the other node, "" where it is not told.
        to_switch: whether the other end is an NVSwitch.
        count: links that are up.
        bandwidth: bytes/s each way of all of them, None when it is not known.
    """

    kind: LinkKind
    origin: str
    remote: str
    to_switch: bool = False
    count: int = 1
    bandwidth: float | None = None


def connected(topology: Topology, reports: Iterable[PeerReport]) -> Topology:
    """Add the links that are reported, each pair once, with switches that nobody has named yet.

    Both ends of a link report it, so of two ends' sums the larger one counts; a device that is not in the graph and no
    switch is left out.
    """
    known = dict(topology.by_id)
    sums: defaultdict[tuple[LinkKind, tuple[str, str]], defaultdict[str, list[PeerReport]]]
    sums = defaultdict(lambda: defaultdict(list))
    for report in reports:
        remote = report.remote or (HIDDEN_SWITCH if report.to_switch else "")
        if report.to_switch and remote not in known:
            known[remote] = Node(id=remote, kind=NodeKind.NVSWITCH)
        if remote in known and remote != report.origin:
            first, second = sorted((report.origin, remote))
            sums[report.kind, (first, second)][report.origin].append(report)
    links = tuple(_link(kind, ends, by_end.values()) for (kind, ends), by_end in sums.items())
    switches = tuple(node for node in known.values() if node.id not in topology.by_id)
    return attrs.evolve(topology, nodes=(*topology.nodes, *switches), links=(*topology.links, *links))


def _link(kind: LinkKind, ends: tuple[str, str], by_end: Iterable[list[PeerReport]]) -> Link:
    reports = max(by_end, key=lambda each: sum(report.count for report in each))
    known = [report.bandwidth for report in reports if report.bandwidth is not None]
    return Link(
        kind=kind,
        ends=ends,
        count=sum(report.count for report in reports),
        bandwidth=sum(known) if len(known) == len(reports) else None,
    )
