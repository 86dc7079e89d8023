"""Limits of control groups: both versions, nested, absent and odd."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.lifecycle.capture.limits import limits
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = "sys/fs/cgroup"
UNIFIED = "0::/pod/app\n"
OLD = "5:cpu,cpuacct:/pod/app\n4:memory:/pod/app\n0::/\n"


@pytest.mark.parametrize(
    ("own", "files", "memory", "cpus"),
    [
        (UNIFIED, {"pod/app/memory.max": "1000", "pod/app/cpu.max": "150000 100000"}, 1000, 1.5),
        (UNIFIED, {"pod/app/memory.max": "max", "pod/memory.max": "500", "pod/cpu.max": "max 100000"}, 500, None),
        (UNIFIED, {"pod/app/memory.max": "1000", "pod/memory.max": "2000", "memory.max": "1500"}, 1000, None),
        ("0::/\n", {"memory.max": "7", "cpu.max": "50000 100000"}, 7, 0.5),
        ("0::/../other\n", {"memory.max": "7"}, 7, None),
        (
            OLD,
            {"memory/pod/app/memory.limit_in_bytes": "9223372036854771712", "memory/pod/memory.limit_in_bytes": "9"},
            9,
            None,
        ),
        (
            OLD,
            {"cpu,cpuacct/pod/app/cpu.cfs_quota_us": "200000", "cpu,cpuacct/pod/app/cpu.cfs_period_us": "100000"},
            None,
            2.0,
        ),
        (OLD, {"cpu/pod/cpu.cfs_quota_us": "-1", "cpu/pod/cpu.cfs_period_us": "100000"}, None, None),
        (OLD, {"unified/memory.max": "3"}, 3, None),
        ("nonsense\n::\n", {"memory.max": "x", "cpu.max": "1 0"}, None, None),
        ("", {}, None, None),
    ],
)
def test_limits(tmp_path: Path, own: str, files: dict[str, str], memory: int | None, cpus: float | None) -> None:
    """The least limit on the way up counts; "max", -1 and the largest number are none."""
    groups = {f"{GROUPS}/{name}": text for name, text in files.items()}
    write_tree(tmp_path, {"proc/self/cgroup": own, **groups})
    assert limits(tmp_path) == {"memory_limit_bytes": memory, "cpus_quota": cpus}
