"""The machine: processors, memory, NUMA nodes, limits. GPUs are added by plugins."""

from __future__ import annotations

import os
import platform
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

UNLIMITED = 1 << 60
"""Limits of a control group from here on mean "none": the kernel writes the largest page count for that."""


@lru_cache(maxsize=4)
def hardware(root: Path = Path("/")) -> dict[str, Any]:
    """Describe the machine; read once, since it does not change.

    Args:
        root: where `proc` and `sys` are found.

    Returns:
        What could be read; what could not is left out.
    """
    found = {
        "cpu_model": _first(root / "proc/cpuinfo", r"model name\s*:\s*(.+)"),
        "cpus_logical": os.cpu_count(),
        "cpus_allowed": len(os.sched_getaffinity(0)),
        "cpus_quota": _cpu_quota(root),
        "memory_bytes": _memory(root),
        "memory_limit_bytes": _memory_limit(root),
        "numa_nodes": len(list((root / "sys/devices/system/node").glob("node[0-9]*"))) or None,
        "kernel": platform.release(),
        "machine": platform.machine(),
    }
    return {name: value for name, value in found.items() if value is not None}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _first(path: Path, pattern: str) -> str | None:
    match = re.search(pattern, _read(path))
    return match[1].strip() if match else None


def _memory(root: Path) -> int | None:
    kilobytes = _first(root / "proc/meminfo", r"MemTotal:\s*(\d+)")
    return int(kilobytes) * 1024 if kilobytes else None


def _memory_limit(root: Path) -> int | None:
    """The limit of the control group, version 2 first; None when there is none."""
    for name in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(root / name).strip()
        if text.isdecimal() and int(text) < UNLIMITED:
            return int(text)
    return None


def _cpu_quota(root: Path) -> float | None:
    """How many processors' worth of time the control group (version 2) allows."""
    quota, _, period = _read(root / "sys/fs/cgroup/cpu.max").strip().partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None
