"""The limits that control groups set, version 1 and 2, for the group of this process and all groups above it.

What counts is the least of them: a container's own group often has none while the pod's does. Formats:
Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst and scheduler/sched-bwc.rst of the Linux kernel.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vmon_core.lifecycle.capture.files import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNLIMITED = 1 << 60
"""Limits from here on mean "none": version 1 writes the largest count of pages for that."""

_MOUNTS = {"memory": ("memory",), "cpu": ("cpu", "cpu,cpuacct")}
"""Where version 1 mounts a controller, below sys/fs/cgroup."""

_MEMORY_FILES = ("memory.max", "memory.limit_in_bytes")


def limits(root: Path) -> dict[str, float | None]:
    """Read the limits that hold for this process.

    Args:
        root: where `proc` and `sys` are found.

    Returns:
        `memory_limit_bytes` and `cpus_quota` (processors' worth of time), None where there is no limit.
    """
    memory = [_bytes(read(group / name)) for group in _groups(root, "memory") for name in _MEMORY_FILES]
    quotas = [_quota(group) for group in _groups(root, "cpu")]
    return {
        "memory_limit_bytes": min((limit for limit in memory if limit is not None), default=None),
        "cpus_quota": min((quota for quota in quotas if quota is not None), default=None),
    }


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process' group and of those above it, for one controller, in both versions."""
    for line in read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers and controller not in controllers.split(","):
            continue
        mounts = _MOUNTS[controller] if controllers else ("", "unified")
        for mount in mounts:
            yield from _upwards(root / "sys/fs/cgroup" / mount, PurePosixPath(path))


def _upwards(mount: Path, group: PurePosixPath) -> Iterator[Path]:
    # A group outside of this process' namespace is written with "..": only the mount itself can be seen then.
    inside = PurePosixPath("/") if ".." in group.parts else group
    for folder in (inside, *inside.parents):
        yield mount / str(folder).lstrip("/")


def _bytes(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < len(str(UNLIMITED)) else None


def _quota(group: Path) -> float | None:
    quota, _, period = read(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = read(group / "cpu.cfs_quota_us"), read(group / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None
