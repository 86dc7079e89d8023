"""Whether the processes that feed accelerators may run near to them."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_plugin_topology.checks.explanations import WORKER_NUMA
from vmon_plugin_topology.cpus import format_list, parse_list
from vmon_plugin_topology.devices import node_id
from vmon_plugin_topology.graph import NodeKind
from vmon_plugin_topology.sysfs.files import Files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vmon_core.devices import Device
    from vmon_plugin_topology.graph import Node, Topology

_ALLOWED = re.compile(r"^Cpus_allowed_list:\s*([\d,-]+)$", re.MULTILINE)
_NAME = re.compile(r"^Name:\s*(.{1,64})$", re.MULTILINE)
_PARENT = re.compile(r"^PPid:\s*(\d{1,10})$", re.MULTILINE)
_MAX_DEPTH = 16

_check = partial(CompatibilityCheck, code=WORKER_NUMA)


def worker_numa(
    topology: Topology, devices: Sequence[Device], *, server: int | None, root: Path
) -> Iterator[CompatibilityCheck]:
    """Compare the processors that each process on a device may use with those near the device (`proc(5)`, status).

    A process that may run everywhere is not judged by where it happens to run: the kernel moves it.

    Args:
        topology: of the machine, with its devices.
        devices: with the processes that hold their memory.
        server: look only at this process and its descendants.
        root: the folder that stands for `/`.
    """
    if len([node for node in topology.of(NodeKind.NUMA) if node.cpus]) < 2:  # noqa: PLR2004 (nothing is far)
        return
    files = Files(str(root))
    found = [
        _far(files, topology.by_id[node_id(topology, device)], near, process.pid)
        for device in devices
        if (near := _near(topology, device))
        for process in device.processes
        if _belongs(files, process.pid, server)
    ]
    judged = [words for words in found if words is not None]
    yield from _verdict(len(judged), tuple(words for words in judged if words))


def _near(topology: Topology, device: Device) -> frozenset[int]:
    """The processors of a device's NUMA node; none when they are not known."""
    gpu = topology.by_id.get(node_id(topology, device))
    home = topology.by_id.get(f"numa:{gpu.numa}") if gpu is not None else None
    return home.cpus if home is not None else frozenset()


def _far(files: Files, gpu: Node, near: frozenset[int], pid: int) -> str | None:
    """Say how a process is bound far away; "" when it is not, None when it cannot be told."""
    status = files.text(f"proc/{pid}/status")
    allowed, name = _ALLOWED.search(status), _NAME.search(status)
    cpus = parse_list(allowed[1]) if allowed else frozenset()
    if not cpus:
        return None
    who = f"{name[1]} (pid {pid})" if name else f"pid {pid}"
    told = f"{who} on {gpu.name}, which is at NUMA node {gpu.numa}, may only use CPUs {format_list(cpus)}"
    return "" if cpus & near else told


def _belongs(files: Files, pid: int, server: int | None) -> bool:
    for _ in range(_MAX_DEPTH):
        if server in (None, pid):
            return True
        parent = _PARENT.search(files.text(f"proc/{pid}/status"))
        if parent is None:
            return False
        pid = int(parent[1])
    return False


def _verdict(judged: int, far: tuple[str, ...]) -> Iterator[CompatibilityCheck]:
    if far:
        yield _check(
            verdict=CheckVerdict.WARNING,
            summary=f"{len(far)} of {judged} processes are bound to processors far from their device",
            evidence=far,
            fix="start vLLM with --numa-bind, or widen the affinity that it is started with",
        )
    elif judged:
        summary = f"all {judged} processes on devices may use processors near to them"
        yield _check(verdict=CheckVerdict.OK, summary=summary)
