"""PCI addresses, and what the class and the vendor of a PCI device make it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmon_plugin_topology.graph import NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
"""A full address: domain, bus, device, function."""

_LOOSE = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})(?:\.([0-7]))?")

_MAX_DEVICE = 0x1F

NVIDIA, AMD, INTEL, AMAZON = "10de", "1002", "8086", "1d0f"
VENDORS: Mapping[str, str] = MappingProxyType(
    {NVIDIA: "NVIDIA", AMD: "AMD", INTEL: "Intel", AMAZON: "Amazon", "15b3": "Mellanox", "14e4": "Broadcom"}
)
"""Vendors that are named, from the PCI ID Repository."""

_EFA = frozenset({"efa0", "efa1", "efa2", "efa3"})
_ACCELERATORS = frozenset({NVIDIA, AMD, INTEL, "1da3", ""})  # 1da3: Habana; "": a capture that has no vendors
_DISPLAYS = frozenset({NVIDIA, AMD, ""})  # of others, VGA means the console of the board or a graphics unit of a CPU


def address(text: str) -> str:
    """Write an address as sysfs does; "" when it is none.

    >>> address("00000000:17:00.0"), address("0000:3B:00"), address("FFFFFFFF:FF:FF.0")
    ('0000:17:00.0', '0000:3b:00.0', '')
    """
    match = _LOOSE.fullmatch(text.strip().lower())
    if not match:
        return ""
    domain, bus, device, function = match.groups()
    if int(device, 16) > _MAX_DEVICE:  # drivers write ones for an end that they hide
        return ""
    return f"{int(domain or '0', 16):04x}:{bus:0>2}:{device:0>2}.{function or 0}"


def device_kind(class_code: str, vendor: str) -> NodeKind | None:
    """Tell what a device is from its class, four or more hex digits; None for what is not in the graph.

    Classes: PCI Code and ID Assignment Specification 1.11; NVSwitches are `other bridges` of NVIDIA.

    Args:
        class_code: such as `030200`.
        vendor: four hex digits, "" when it is not known.

    >>> device_kind("0302", "10de").value, device_kind("010802", "144d").value, device_kind("0300", "1a03")
    ('gpu', 'nvme', None)
    """
    base = class_code[:4]
    if base in ("0302", "0380", "1200") and vendor in _ACCELERATORS:
        return NodeKind.GPU
    if base == "0300" and vendor in _DISPLAYS:
        return NodeKind.GPU
    if base == "0680" and vendor == NVIDIA:
        return NodeKind.NVSWITCH
    if base in ("0200", "0207", "0280"):
        return NodeKind.NIC
    return NodeKind.NVME if base == "0108" else None


def is_bridge(class_code: str) -> bool:
    """Whether it is a PCI-to-PCI bridge: a root port or a port of a switch."""
    return class_code[:4] == "0604"


def fabric(class_code: str, vendor: str, device: str) -> str:
    """The kind of network that a card's class tells; "" for a card that could have either."""
    if vendor == AMAZON and device in _EFA:
        return "EFA"
    return {"0207": "InfiniBand", "0200": "Ethernet"}.get(class_code[:4], "")


def port_kind(parent: NodeKind | None) -> NodeKind:
    """What a bridge is, by what it is attached to: ports of switches come in turns, upstream and downstream.

    Args:
        parent: the kind of the bridge above it; None or a host bridge for the first.
    """
    if parent in (NodeKind.ROOT_PORT, NodeKind.DOWNSTREAM_PORT):
        return NodeKind.UPSTREAM_PORT
    return NodeKind.DOWNSTREAM_PORT if parent is NodeKind.UPSTREAM_PORT else NodeKind.ROOT_PORT
