"""hwloc's matrices: distances between NUMA nodes, bandwidths of NVLinks."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from vmon_plugin_topology.captured.document import walk, whole
from vmon_plugin_topology.graph import Link, LinkKind
from vmon_plugin_topology.peers import PeerReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree import ElementTree as ET

_MAX_OBJECTS = 512
_RATES = (25_000, 20_000)
"""MB/s that hwloc writes for one NVLink: of versions 2 to 4, of version 1 (hwloc 2.11, `topology-nvml.c`)."""


def interconnect(root: ET.Element) -> Iterator[Link]:
    """The links between NUMA nodes, with the latencies that the firmware tells."""
    for element in walk(root, "distances2"):
        if element.get("type") == "NUMANode" and element.get("name") == "NUMALatency":
            for a, b, distance in _pairs(element):
                yield Link(kind=LinkKind.SMP, ends=(f"numa:{a}", f"numa:{b}"), distance=distance)
            return


def nvlinks(root: ET.Element, devices: Mapping[str, str]) -> Iterator[PeerReport]:
    """The NVLinks, counted by their bandwidth.

    Args:
        root: the document.
        devices: ids of PCI devices by the numbers of hwloc's objects.
    """
    for tag in ("distances2", "distances2hetero"):
        for element in walk(root, tag):
            if element.get("name") == "NVLinkBandwidth":
                yield from _reports(list(_pairs(element)), devices)


def _reports(pairs: list[tuple[str, str, int]], devices: Mapping[str, str]) -> Iterator[PeerReport]:
    found = [pair for pair in pairs if pair[2]]
    rate = next((rate for rate in _RATES if all(value % rate == 0 for _, _, value in found)), None)
    for a, b, value in found:
        one, two = devices.get(a, ""), devices.get(b, "")
        if rate and one and two:
            yield PeerReport(kind=LinkKind.NVLINK, origin=one, remote=two, count=value // rate, bandwidth=value * 1e6)


def _pairs(element: ET.Element) -> Iterator[tuple[str, str, int]]:
    """Each pair of a symmetric matrix; nothing when its size is not that of its index."""
    names = [word.rpartition(":")[2] for part in walk(element, "indexes") for word in (part.text or "").split()]
    values = [whole(word) for part in walk(element, "u64values") for word in (part.text or "").split()]
    if len(names) > _MAX_OBJECTS or len(values) != len(names) ** 2:
        return
    for (row, a), (column, b) in combinations(enumerate(names), 2):
        value = values[row * len(names) + column]
        if value is not None:
            yield a, b, value
