"""The machine: processors, memory, NUMA nodes and the limits on them. GPUs are added by plugins."""

from __future__ import annotations

import os
import platform
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from vmon_core.lifecycle.capture.files import read
from vmon_core.lifecycle.capture.limits import limits

_CONTAINER_FILES = {".dockerenv": "docker", "run/.containerenv": "podman"}
"""Files that container engines leave in the root folder."""

_CONTAINER_GROUPS = {"kubepods": "kubernetes", "docker": "docker", "libpod": "podman", "lxc": "lxc"}
"""What the names of control groups tell, where the group is not hidden by a namespace."""


def hardware(root: Path = Path("/")) -> dict[str, Any]:
    """Describe the machine, as this process may use it; read once, since it hardly changes.

    Args:
        root: where `proc` and `sys` are found.

    Returns:
        Plain data, to which plugins add: `cpu_model`, `cores_physical`, `cpus_logical`, `cpus_allowed` (by affinity),
        `cpus_quota` (processors' worth of time), `memory_bytes`, `memory_limit_bytes`, `numa_nodes` (each with its
        `cpus` and `memory_bytes`), `kernel`, `machine`, `container`. What cannot be read is left out.
    """
    return dict(_hardware(root))


@lru_cache(maxsize=4)
def _hardware(root: Path) -> dict[str, Any]:
    cpus = root / "sys/devices/system/cpu"
    found = {
        "cpu_model": _match(root / "proc/cpuinfo", r"model name\s*:\s*(.+)"),
        "cores_physical": len({read(p) for p in cpus.glob("cpu[0-9]*/topology/thread_siblings_list")}) or None,
        "cpus_logical": _count(read(cpus / "online")),
        "cpus_allowed": len(os.sched_getaffinity(0)),
        **limits(root),
        "memory_bytes": _kilobytes(root / "proc/meminfo"),
        "numa_nodes": _numa_nodes(root),
        "kernel": read(root / "proc/sys/kernel/osrelease"),
        "machine": platform.machine(),
        "container": _container(root),
    }
    return {name: value for name, value in found.items() if value}


def _count(ranges: str) -> int:
    """Count the processors in a list such as `0-3,8`."""
    spans = re.findall(r"(\d+)(?:-(\d+))?", ranges)
    return sum(int(last or first) - int(first) + 1 for first, last in spans)


def _match(path: Path, pattern: str) -> str | None:
    match = re.search(pattern, read(path))
    return match[1].strip() if match else None


def _kilobytes(path: Path) -> int | None:
    total = _match(path, r"MemTotal:\s*(\d+) kB")
    return int(total) * 1024 if total else None


def _numa_nodes(root: Path) -> list[dict[str, Any]]:
    folders = (root / "sys/devices/system/node").glob("node[0-9]*")
    nodes = sorted((int(folder.name.removeprefix("node")), folder) for folder in folders)
    return [
        {"node": node, "cpus": read(folder / "cpulist"), "memory_bytes": _kilobytes(folder / "meminfo")}
        for node, folder in nodes
    ]


def _container(root: Path) -> str | None:
    """Name the kind of container that this process seems to run in; None when nothing hints at one."""
    group = read(root / "proc/self/cgroup")
    for hint, kind in _CONTAINER_GROUPS.items():
        if hint in group:
            return kind
    return next((kind for name, kind in _CONTAINER_FILES.items() if (root / name).exists()), None)
