"""The PCI devices that matter and the bridges above them: `Documentation/ABI/testing/sysfs-bus-pci`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology import pci
from vmon_plugin_topology.bandwidth import link_speed, link_width, pcie_bandwidth
from vmon_plugin_topology.cpus import parse_list, parse_mask
from vmon_plugin_topology.graph import Link, LinkKind, Node, NodeKind
from vmon_plugin_topology.sysfs.acs import redirects
from vmon_plugin_topology.sysfs.cards import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_plugin_topology.sysfs.files import Files

DEVICES = "sys/bus/pci/devices"
_HOST_BRIDGE = re.compile(r"pci[0-9a-f]{4,8}:[0-9a-f]{2}")
_MAX_DEPTH = 32
_CANDIDATES = ("02", "03", "0108", "0680", "12")


def read_pci(files: Files, machine: Iterable[Node]) -> tuple[list[Node], list[Link]]:
    """Read accelerators, network cards, NVMe drives and NVSwitches, and what they are attached to.

    Args:
        files: the tree.
        machine: its packages and NUMA nodes.
    """
    reader = _Reader(files, {node.numa: node for node in machine if node.kind is NodeKind.NUMA})
    for address in files.names(DEVICES):
        if pci.ADDRESS.fullmatch(address):
            reader.add(address)
    return list(reader.nodes.values()), reader.links


class _Reader:
    """Collects nodes from the top down, each once."""

    def __init__(self, files: Files, numa: dict[int | None, Node]) -> None:
        self._files = files
        self._numa = numa
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []

    def add(self, address: str) -> None:
        """Add a device with everything above it, unless it does not matter."""
        class_code = self._hex(address, "class")
        if not class_code.startswith(_CANDIDATES) or self._files.link(f"{DEVICES}/{address}/physfn"):
            return  # virtual functions share their card's link
        vendor = self._hex(address, "vendor")
        kind = pci.device_kind(class_code, vendor)
        if kind is None:
            return
        host_bridge, above = self._path(address)
        numa = self._numa_of([address, *reversed(above)])
        parent = self._bridges(host_bridge, above, numa)
        node = Node(
            id=address,
            kind=kind,
            parent=parent or self._numa_id(numa),
            numa=numa,
            cpus=self._cpus(address),
            model=pci.VENDORS.get(vendor, ""),
            fabric=pci.fabric(class_code, vendor, self._hex(address, "device")) if kind is NodeKind.NIC else "",
        )
        self._attach(describe(self._files, f"{DEVICES}/{address}", node))

    def _hex(self, address: str, name: str) -> str:
        return self._files.text(f"{DEVICES}/{address}/{name}", 16).lower().removeprefix("0x")

    def _path(self, address: str) -> tuple[str, list[str]]:
        """The host bridge and the bridges above a device, topmost first; nothing where links were not captured."""
        parts = self._files.link(f"{DEVICES}/{address}").split("/")
        tops = [place for place, part in enumerate(parts) if _HOST_BRIDGE.fullmatch(part)]
        if not tops:
            return "", []
        above = parts[tops[-1] + 1 : -1]
        if len(above) > _MAX_DEPTH or len(set(above)) < len(above) or not all(map(pci.ADDRESS.fullmatch, above)):
            self._files.problems.append(f"{address} is attached in a way that makes no sense")
            return "", []
        return parts[tops[-1]], above

    def _numa_of(self, addresses: list[str]) -> int | None:
        """The NUMA node of the first that tells one; without such files, that whose processors are all near."""
        told = [self._files.text(f"{DEVICES}/{each}/numa_node", 16) for each in addresses]
        for text in told:
            if text.isdecimal() and len(text) <= 4 and int(text) in self._numa:  # noqa: PLR2004 (digits: at most 1023)
                return int(text)
        if any(told):
            return None
        cpus = self._cpus(addresses[0])
        near = [number for number, node in self._numa.items() if cpus and node.cpus and cpus <= node.cpus]
        return near[0] if len(near) == 1 else None

    def _cpus(self, address: str) -> frozenset[int]:
        listed = parse_list(self._files.text(f"{DEVICES}/{address}/local_cpulist"))
        return listed or parse_mask(self._files.text(f"{DEVICES}/{address}/local_cpus"))

    def _numa_id(self, numa: int | None) -> str:
        return self._numa[numa].id if numa in self._numa else ""

    def _bridges(self, host_bridge: str, above: list[str], numa: int | None) -> str:
        """Add what is above a device; returns what it hangs on."""
        if not host_bridge:
            return ""
        if host_bridge not in self.nodes:
            self._attach(Node(id=host_bridge, kind=NodeKind.HOST_BRIDGE, parent=self._numa_id(numa), numa=numa))
        parent = self.nodes[host_bridge]
        for address in above:
            if address not in self.nodes:
                kind = pci.port_kind(parent.kind)
                redirected = redirects(self._files, f"{DEVICES}/{address}/config")
                self._attach(Node(id=address, kind=kind, parent=parent.id, numa=numa, redirects=redirected))
            parent = self.nodes[address]
        return parent.id

    def _attach(self, node: Node) -> None:
        self.nodes[node.id] = node
        parent = self.nodes.get(node.parent)
        if parent is None:
            return
        if parent.kind is NodeKind.HOST_BRIDGE:
            self.links.append(Link(kind=LinkKind.HOST, ends=(parent.id, node.id)))
        elif parent.kind is NodeKind.UPSTREAM_PORT:
            self.links.append(Link(kind=LinkKind.PCIE, ends=(parent.id, node.id)))  # inside the switch
        else:
            self.links.append(self._link(parent, node))

    def _link(self, parent: Node, node: Node) -> Link:
        """Read a link at its lower end, and what its upper end could do."""
        lower, upper = f"{DEVICES}/{node.id}", f"{DEVICES}/{parent.id}"
        text = self._files.text
        widths = [link_width(text(f"{end}/max_link_width", 16)) for end in (lower, upper)]
        speeds = [link_speed(text(f"{end}/max_link_speed", 32)) for end in (lower, upper)]
        link = Link(
            kind=LinkKind.PCIE,
            ends=(parent.id, node.id),
            width=link_width(text(f"{lower}/current_link_width", 16)),
            width_max=min((width for width in widths if width), default=None),
            speed=link_speed(text(f"{lower}/current_link_speed", 32)),
            speed_max=min((speed for speed in speeds if speed), default=None),
        )
        return attrs.evolve(link, bandwidth=pcie_bandwidth(link.speed_max, link.width))
