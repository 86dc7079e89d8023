"""Hardware: this machine, and machines made of files."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from vmon_core.lifecycle.capture.hardware import hardware
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

SERVER = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU 9000\n\nprocessor\t: 1\nmodel name\t: Fast CPU 9000\n",
    "proc/meminfo": "MemTotal:       1048576 kB\nMemFree: 1 kB\n",
    "proc/sys/kernel/osrelease": "6.1.0\n",
    "sys/devices/system/cpu/online": "0-2,7\n",
    "sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,2\n",
    "sys/devices/system/cpu/cpu1/topology/thread_siblings_list": "1,7\n",
    "sys/devices/system/cpu/cpu2/topology/thread_siblings_list": "0,2\n",
    "sys/devices/system/cpu/cpu7/topology/thread_siblings_list": "1,7\n",
    "sys/devices/system/node/node10/cpulist": "7\n",
    "sys/devices/system/node/node2/cpulist": "0-2\n",
    "sys/devices/system/node/node2/meminfo": "Node 2 MemTotal:  1024 kB\n",
}


def test_hardware_of_this_machine() -> None:
    """The machine that runs the test has processors and memory, and describes itself in plain data."""
    found = hardware()
    assert found["cpus_allowed"] == len(os.sched_getaffinity(0))
    assert found["memory_bytes"] > 0
    assert json.loads(json.dumps(found)) == found


def test_hardware_of_a_server(tmp_path: Path) -> None:
    """Sockets, threads and nodes are counted, and nodes are in order of their number."""
    found = hardware(write_tree(tmp_path, SERVER))
    assert found["cpu_model"] == "Fast CPU 9000"
    assert (found["cores_physical"], found["cpus_logical"]) == (2, 4)
    assert found["memory_bytes"] == 1 << 30
    assert found["kernel"] == "6.1.0"
    assert found["numa_nodes"] == [
        {"node": 2, "cpus": "0-2", "memory_bytes": 1 << 20},
        {"node": 10, "cpus": "7", "memory_bytes": None},
    ]
    assert not found.keys() & {"memory_limit_bytes", "cpus_quota", "container"}


def test_what_is_missing_is_left_out(tmp_path: Path) -> None:
    """Nothing is made up where nothing can be read."""
    assert hardware(tmp_path).keys() == {"cpus_allowed", "machine"}


def test_hardware_is_read_once(tmp_path: Path) -> None:
    """Later checkpoints cost no reads, and no caller can change what the next one gets."""
    write_tree(tmp_path, {"proc/sys/kernel/osrelease": "1"})
    hardware(tmp_path).clear()
    write_tree(tmp_path, {"proc/sys/kernel/osrelease": "2"})
    assert hardware(tmp_path)["kernel"] == "1"


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({".dockerenv": ""}, "docker"),
        ({"run/.containerenv": ""}, "podman"),
        ({".dockerenv": "", "proc/self/cgroup": "0::/kubepods.slice/pod1/c1\n"}, "kubernetes"),
        ({"proc/self/cgroup": "0::/user.slice\n"}, None),
    ],
)
def test_container_is_recognised(tmp_path: Path, files: dict[str, str], kind: str | None) -> None:
    """By the files of its engine, or by the names of control groups."""
    assert hardware(write_tree(tmp_path, files)).get("container") == kind
