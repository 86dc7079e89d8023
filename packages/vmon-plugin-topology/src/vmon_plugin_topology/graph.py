"""The graph: what is in a machine, and what connects it. Everything else reads it or makes it."""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from vmon_core.feedback.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def _plain(text: str) -> str:
    """Make text from a capture or a driver harmless where it is shown: no control characters, no broken UTF-8."""
    return printable(text.encode(errors="replace").decode())


def _plain_all(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_plain, texts))


class NodeKind(StrEnum):
    """What a node is; the ports of a PCIe switch are nodes of their own, as in sysfs."""

    PACKAGE = "package"
    NUMA = "numa"
    HOST_BRIDGE = "host_bridge"
    ROOT_PORT = "root_port"
    UPSTREAM_PORT = "upstream_port"
    DOWNSTREAM_PORT = "downstream_port"
    SWITCH = "switch"
    GPU = "gpu"
    NVSWITCH = "nvswitch"
    NIC = "nic"
    NVME = "nvme"


DEVICES = frozenset({NodeKind.GPU, NodeKind.NVSWITCH, NodeKind.NIC, NodeKind.NVME})
"""The leaves: what work is done by."""

BRIDGES = frozenset({NodeKind.ROOT_PORT, NodeKind.UPSTREAM_PORT, NodeKind.DOWNSTREAM_PORT, NodeKind.SWITCH})
"""The PCIe bridges below a host bridge. `SWITCH` is a whole switch, where a source knows no ports."""


class LinkKind(StrEnum):
    """What a link is; `SMP` is the interconnect between NUMA nodes, `HOST` is inside a processor."""

    SMP = "smp"
    HOST = "host"
    PCIE = "pcie"
    NVLINK = "nvlink"
    XGMI = "xgmi"
    C2C = "c2c"


@attrs.frozen(kw_only=True)
class Node:
    """Something in the machine; None, "" and () mean that it is not known. What is shown of it is printable.

    Attributes:
        id: unique: a PCI address such as `0000:17:00.0`, `pci0000:16`, `numa:0`, `package:0`, or a device's name.
        kind: what it is.
        label: how the matrix calls it: `GPU0`, `NIC3`; "" for what is in no matrix.
        model: the product's name, or that of the vendor.
        parent: the id of what it is attached to, "" at the top.
        numa: the NUMA node that it is near to; -1, which virtual machines tell, is None here.
        cpus: the logical processors that are near to it.
        memory_numa: the NUMA node that its own memory is, on machines whose GPUs have one.
        memory_bytes: of a NUMA node.
        interfaces: the operating system's names of it, such as `mlx5_0`, `eth0`, `nvme0`.
        fabric: of a NIC: `InfiniBand`, `Ethernet` (RoCE too), `EFA`.
        port_bandwidth: of a NIC's port, bytes/s each way.
        rdma: of a NIC: whether it has an RDMA device.
        redirects: of a PCIe bridge: whether its Access Control Services send peer-to-peer traffic to the root.
    """

    id: str
    kind: NodeKind
    label: str = attrs.field(default="", converter=_plain)
    model: str = attrs.field(default="", converter=_plain)
    parent: str = ""
    numa: int | None = None
    cpus: frozenset[int] = frozenset()
    memory_numa: int | None = None
    memory_bytes: int | None = None
    interfaces: tuple[str, ...] = attrs.field(default=(), converter=_plain_all)
    fabric: str = ""
    port_bandwidth: float | None = None
    rdma: bool | None = None
    redirects: bool | None = None

    @property
    def name(self) -> str:
        """What people call it.

        >>> Node(id="0000:17:00.0", kind=NodeKind.GPU, label="GPU0").name
        'GPU0'
        """
        return self.label or self.id


@attrs.frozen(kw_only=True)
class Link:
    """A connection of two nodes; None means that it is not known.

    Attributes:
        kind: what it is.
        ends: the ids of both nodes; for PCIe, the one nearer to the processor first.
        width, width_max: PCIe lanes in use, and those that both ends could use.
        speed, speed_max: PCIe transfers/s of a lane, now (idle devices slow down) and at most.
        bandwidth: bytes/s each way at full speed with the lanes in use: `vmon_plugin_topology.bandwidth`.
        count: bonded NVLinks or xGMI links, 1 for others.
        distance: between NUMA nodes, as the firmware tells it (10 is local).
    """

    kind: LinkKind
    ends: tuple[str, str]
    width: int | None = None
    width_max: int | None = None
    speed: float | None = None
    speed_max: float | None = None
    bandwidth: float | None = None
    count: int = 1
    distance: int | None = None


class Iommu(StrEnum):
    """What the IOMMU does with the addresses that devices use."""

    OFF = "off"
    PASSTHROUGH = "passthrough"
    TRANSLATES = "translates"


@attrs.frozen(kw_only=True)
class Topology:
    """A machine.

    Attributes:
        source: where it was read from.
        nodes: parents come before what is attached to them.
        links: each once.
        iommu: None where it cannot be told.
        virtual: whether this is a virtual machine, None where it cannot be told.
        peer_memory: whether NVIDIA's module for RDMA to GPU memory is loaded, None where it cannot be told.
        problems: sentences about what could not be read or made no sense.
    """

    source: str = attrs.field(converter=_plain)
    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    iommu: Iommu | None = None
    virtual: bool | None = None
    peer_memory: bool | None = None
    problems: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """Nodes by their ids."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def children(self) -> Mapping[str, tuple[Node, ...]]:
        """What is attached to each node; under "" what is attached to nothing."""
        found: defaultdict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            found[node.parent if node.parent in self.by_id else ""].append(node)
        return {parent: tuple(nodes) for parent, nodes in found.items()}

    @cached_property
    def uplinks(self) -> Mapping[str, Link]:
        """The PCIe link of each node towards the processor."""
        return {link.ends[1]: link for link in self.links if link.kind is LinkKind.PCIE}

    @cached_property
    def peer_links(self) -> Mapping[str, tuple[Link, ...]]:
        """The NVLink, xGMI and C2C links of each node."""
        found: defaultdict[str, list[Link]] = defaultdict(list)
        for link in self.links:
            if link.kind in (LinkKind.NVLINK, LinkKind.XGMI, LinkKind.C2C):
                for end in link.ends:
                    found[end].append(link)
        return {node: tuple(links) for node, links in found.items()}

    def of(self, *kinds: NodeKind) -> tuple[Node, ...]:
        """The nodes of some kinds."""
        return tuple(node for node in self.nodes if node.kind in kinds)

    @cached_property
    def gpus(self) -> tuple[Node, ...]:
        """The accelerators, in the order of their numbers."""
        return self.of(NodeKind.GPU)

    @cached_property
    def nics(self) -> tuple[Node, ...]:
        """The network cards that matter between machines: those with RDMA where there are some, otherwise all."""
        nics = self.of(NodeKind.NIC)
        return tuple(nic for nic in nics if nic.rdma) or nics

    def ancestors(self, node: Node) -> Iterator[Node]:
        """What a node is attached to, nearest first; a source that lies cannot make it endless."""
        seen = {node.id}
        while node.parent in self.by_id and node.parent not in seen:
            node = self.by_id[node.parent]
            seen.add(node.id)
            yield node
