"""Whose a process on a GPU is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_nvidia.processes import Owners, process_samples
from vmon_testkit.nvml import Gpu, Process, Scenario
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Machine

FIRST, CONTAINER = 4026531836, 4026532999


def stat(parent: int, session: int, started: int = 5) -> str:
    """A line of /proc/PID/stat, with a name that is a trap."""
    return f"1 (a) b) S {parent} 1 {session} " + "0 " * 15 + f"{started} 0"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Server 100 with a child 101, its child 102, an orphan 103 of its session, and a stranger 200."""
    files = {
        "100/stat": stat(1, 100),
        "101/stat": stat(100, 100),
        "102/stat": stat(101, 102),
        "103/stat": stat(1, 100),
        "200/stat": stat(1, 200),
        "300/stat": "rubbish",
    }
    write_tree(tmp_path, files)
    return tmp_path


def namespace(proc: Path, number: int) -> None:
    """Let the monitor be in a pid namespace."""
    link = proc / "self/ns/pid"
    link.parent.mkdir(parents=True)
    link.symlink_to(f"pid:[{number}]")


@pytest.mark.parametrize(
    ("pid", "owner"),
    [
        (100, "server"),
        (101, "server"),
        (102, "server"),
        (103, "server"),
        (200, "other"),
        (300, "unknown"),
        (9, "unknown"),
    ],
)
def test_owner(proc: Path, pid: int, owner: str) -> None:
    """By descent or session; a process that is not here is nobody's."""
    namespace(proc, FIRST)
    assert Owners(100, proc).owner(pid) == owner


def test_process_that_outlives_its_parents_stays_the_servers(proc: Path) -> None:
    """An orphan of a killed server is what one wants to see; the same pid in another life is another process."""
    namespace(proc, FIRST)
    owners = Owners(100, proc)
    assert owners.owner(102) == "server"
    (proc / "102/stat").write_text(stat(1, 102))
    assert owners.owner(102) == "server"
    (proc / "102/stat").write_text(stat(1, 102, started=6))
    assert owners.owner(102) == "other"


def test_unknown_server(proc: Path) -> None:
    """Without its pid nobody can tell."""
    namespace(proc, FIRST)
    assert Owners(None, proc).owner(100) == "unknown"


def test_pids_in_a_container_are_not_trusted(proc: Path) -> None:
    """The driver's pid 101 may be another process than ours; one that has a GPU open is ours all the same."""
    namespace(proc, CONTAINER)
    for pid, target in ((101, "/dev/nvidia0"), (102, "/dev/null"), (200, "/dev/nvidia0")):
        (proc / f"{pid}/fd").mkdir()
        (proc / f"{pid}/fd/3").symlink_to(target)
    owners = Owners(100, proc)
    assert [owners.owner(pid) for pid in (101, 102, 103, 200)] == ["server", "unknown", "unknown", "unknown"]


def test_samples_name_pid_and_owner(machine: Machine, proc: Path) -> None:
    """Memory that the driver does not tell has no sample."""
    namespace(proc, FIRST)
    _, driver = machine(Scenario(gpus=(Gpu(processes=(Process(101, 7), Process(102), Process(200, 9))),)))
    samples = list(process_samples(driver.ready(0.0, 10.0)[0], Owners(100, proc), 1.0))
    told = [(dict(s.labels)["pid"], dict(s.labels)["owner"], s.value) for s in samples]
    assert told == [("101", "server", 7), ("200", "other", 9)]


def test_older_driver_has_an_older_function(machine: Machine) -> None:
    """Or none at all: then nobody is known to use the GPU."""
    missing = ("nvmlDeviceGetComputeRunningProcesses_v3",)
    _, driver = machine(Scenario(gpus=(Gpu(processes=(Process(1, 2),)),), missing=missing))
    assert list(process_samples(driver.ready(0.0, 10.0)[0], Owners(1), 1.0)) == []
