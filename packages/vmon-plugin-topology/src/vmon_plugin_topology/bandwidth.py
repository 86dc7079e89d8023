"""How many bytes a link can carry in a second, each way, and where the formula is from."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPEED = re.compile(r"\s*(\d{1,4}(?:\.\d{1,3})?)\s*GT/s")
_RATE = re.compile(r"\s*(\d{1,5}(?:\.\d{1,3})?)\s*Gb/s")
_WIDTHS = frozenset({1, 2, 4, 8, 12, 16, 32})  # PCI Express Base Specification 5.0, 7.5.3.8

NVLINK: Mapping[str, float] = MappingProxyType({"1": 20e9, "2": 25e9, "3": 25e9, "4": 25e9, "5": 50e9})
"""Bytes/s each way of one NVLink by its version.

NVIDIA's figures are totals of both directions and all links of a GPU: 160 GB/s over 4 links (P100), 300 over 6 (V100),
600 over 12 (A100), 900 over 18 (H100), 1800 over 18 (B200); data sheets of these products.
"""


def pcie_bandwidth(speed: float | None, width: int | None) -> float | None:
    """Bytes/s each way of a PCIe link: transfers/s x lanes x efficiency of the encoding / 8.

    The encoding is 8b/10b up to 5 GT/s, 128b/130b from 8 to 32 GT/s, and from 64 GT/s on 242 of the 256 bytes of a flit
    are left to packets (PCI Express Base Specification 6.0, 4.2). Headers of packets take some more of it.

    Args:
        speed: transfers/s of a lane.
        width: lanes.

    Returns:
        The bandwidth, None when one of them is not known.

    >>> round(pcie_bandwidth(32e9, 16) / 1e9, 1)
    63.0
    """
    if speed is None or width is None:
        return None
    efficiency = 0.8 if speed <= 5e9 else 128 / 130 if speed <= 32e9 else 242 / 256  # noqa: PLR2004 (the table above)
    return speed * width * efficiency / 8


def link_speed(text: str) -> float | None:
    """Read transfers/s of a lane, as sysfs and NCCL write it; None for `Unknown` and the like.

    >>> link_speed("32.0 GT/s PCIe"), link_speed("8 GT/s"), link_speed("Unknown")
    (32000000000.0, 8000000000.0, None)
    """
    match = _SPEED.match(text)
    return float(match[1]) * 1e9 if match and float(match[1]) else None


def link_width(text: str) -> int | None:
    """Read the lanes of a link; None for numbers that no link has, such as 0 or 63 for `unknown`.

    >>> link_width("16"), link_width("0"), link_width("255")
    (16, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= 3 and int(text) in _WIDTHS else None  # noqa: PLR2004 (digits)


def port_rate(text: str) -> float | None:
    """Read bytes/s from the rate of an InfiniBand port.

    >>> port_rate("400 Gb/sec (4X NDR)")
    50000000000.0
    """
    match = _RATE.match(text.replace("Gb/sec", "Gb/s"))
    return float(match[1]) * 1e9 / 8 if match and float(match[1]) else None


def nvlink_bandwidth(version: str, count: int) -> float | None:
    """Bytes/s each way of so many NVLinks; None for a version that is not known.

    >>> nvlink_bandwidth("4.0", 18)
    450000000000.0
    """
    rate = NVLINK.get(version.partition(".")[0])
    return rate * count if rate else None
