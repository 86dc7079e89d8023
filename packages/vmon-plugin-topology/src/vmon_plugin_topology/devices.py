"""What drivers tell of accelerators, added to what the PCI bus tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_plugin_topology import pci
from vmon_plugin_topology.bandwidth import nvlink_bandwidth
from vmon_plugin_topology.graph import LinkKind, Node, NodeKind
from vmon_plugin_topology.naming import renamed
from vmon_plugin_topology.peers import PeerReport, connected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.devices import Device, DeviceLink
    from vmon_plugin_topology.graph import Topology


def with_devices(topology: Topology, devices: Iterable[Device]) -> Topology:
    """Add the devices' numbers, models and direct links, and those that are on no PCI bus.

    The driver numbers its devices, so these numbers replace those by PCI address; an accelerator that no driver tells
    loses its number.

    Args:
        topology: of the machine that the devices are in.
        devices: what the hook `vmon_devices` tells; instances of a device are part of it and left out.
    """
    whole = [device for device in devices if device.instance is None]
    if not whole:
        return topology
    ids = {device.name: node_id(topology, device) for device in whole}
    told = {ids[device.name]: _merged(topology, device, ids[device.name]) for device in whole}
    nodes = (*(told.pop(node.id, node) for node in topology.nodes), *told.values())
    several = len({device.kind for device in whole}) > 1
    labels = {gpu.id: "" for gpu in topology.gpus}
    labels |= {ids[device.name]: device.name if several else f"GPU{device.index}" for device in whole}
    named = renamed(attrs.evolve(topology, nodes=nodes), labels)
    return connected(named, [report for device in whole for report in _reports(device, ids[device.name])])


def node_id(topology: Topology, device: Device) -> str:
    """The id of a device's node: its PCI address where that is in the graph, otherwise its name."""
    address = pci.address(device.pci)
    return address if address in topology.by_id else device.name


def _merged(topology: Topology, device: Device, identity: str) -> Node:
    """What sysfs knows of a place is kept; what it does not know, the driver may.

    A node without processors is that of the device's own memory, not a place near to it.
    """
    known = topology.by_id.get(identity, Node(id=identity, kind=NodeKind.GPU))
    told = topology.by_id.get(f"numa:{device.numa_node}")
    if told is not None and not told.cpus:
        known, told = attrs.evolve(known, memory_numa=device.numa_node), None
    named = attrs.evolve(known, kind=NodeKind.GPU, model=device.model or known.model)
    if named.numa is not None or told is None:
        return named
    return attrs.evolve(named, numa=told.numa, parent=named.parent or told.id, cpus=named.cpus or told.cpus)


def _reports(device: Device, origin: str) -> Iterator[PeerReport]:
    for link in device.links:
        if link.up and link.kind in (LinkKind.NVLINK, LinkKind.XGMI, LinkKind.C2C):
            yield PeerReport(
                kind=LinkKind(link.kind),
                origin=origin,
                remote=_remote(device, link),
                to_switch=link.remote_kind == "switch",
                bandwidth=nvlink_bandwidth(link.version, 1) if link.kind == LinkKind.NVLINK else None,
            )


def _remote(device: Device, link: DeviceLink) -> str:
    if link.remote_kind == "cpu" and device.numa_node is not None:
        return f"numa:{device.numa_node}"
    return pci.address(link.remote)
