"""Packages and NUMA nodes: `Documentation/admin-guide/cputopology.rst` and `ABI/stable/sysfs-devices-node`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_plugin_topology.cpus import parse_list
from vmon_plugin_topology.graph import Link, LinkKind, Node, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_topology.sysfs.files import Files

_NODES = "sys/devices/system/node"
_CPUS = "sys/devices/system/cpu"
_NODE = re.compile(r"node(\d{1,4})")
_MEMORY = re.compile(r"MemTotal:\s*(\d{1,15}) kB")
_MODEL = re.compile(r"^(?:model name|cpu)\s*:\s*(.{1,100})$", re.MULTILINE)
_MAX_PACKAGES = 64


def read_numa(files: Files) -> tuple[list[Node], list[Link]]:
    """Read packages, NUMA nodes and the interconnect between those that have processors."""
    numbers = sorted(int(match[1]) for match in map(_NODE.fullmatch, files.names(_NODES)) if match)
    cpus = {number: parse_list(files.text(f"{_NODES}/node{number}/cpulist")) for number in numbers}
    packages = list(_packages(files, frozenset().union(*cpus.values())))
    nodes = [_numa_node(files, number, cpus[number], packages) for number in numbers]
    return [*packages, *nodes], list(_interconnect(files, nodes))


def _packages(files: Files, cpus: frozenset[int]) -> Iterator[Node]:
    """Ask one processor of each package for its siblings, instead of every processor for its package."""
    model = _MODEL.search(files.text("proc/cpuinfo"))
    seen: set[str] = set()
    while cpus and len(seen) < _MAX_PACKAGES:
        first = min(cpus)
        topology = f"{_CPUS}/cpu{first}/topology"
        number = files.text(f"{topology}/physical_package_id")
        siblings = _siblings(files, topology) | {first}
        cpus -= siblings
        if number.isdecimal() and number not in seen:
            seen.add(number)
            yield Node(
                id=f"package:{int(number)}",
                kind=NodeKind.PACKAGE,
                model=model[1].strip() if model else "",
                cpus=siblings,
            )


def _siblings(files: Files, topology: str) -> frozenset[int]:
    """The processors of a package, by the name of the file since Linux 5.2 or the older one."""
    listed = files.text(f"{topology}/package_cpus_list") or files.text(f"{topology}/core_siblings_list")
    return parse_list(listed)


def _numa_node(files: Files, number: int, cpus: frozenset[int], packages: list[Node]) -> Node:
    memory = _MEMORY.search(files.text(f"{_NODES}/node{number}/meminfo"))
    parent = next((package.id for package in packages if cpus and cpus <= package.cpus), "")
    return Node(
        id=f"numa:{number}",
        kind=NodeKind.NUMA,
        parent=parent,
        numa=number,
        cpus=cpus,
        memory_bytes=int(memory[1]) * 1024 if memory else None,
    )


def _interconnect(files: Files, nodes: list[Node]) -> Iterator[Link]:
    """Link NUMA nodes that have processors, with the distances in the order of the nodes' numbers."""
    for place, node in enumerate(nodes):
        distances = files.text(f"{_NODES}/node{node.numa}/distance").split()
        for other in range(place + 1, len(nodes)):
            if node.cpus and nodes[other].cpus:
                known = len(distances) == len(nodes) and distances[other].isdecimal() and len(distances[other]) <= 3  # noqa: PLR2004 (a byte)
                distance = int(distances[other]) if known else None
                yield Link(kind=LinkKind.SMP, ends=(node.id, nodes[other].id), distance=distance)
