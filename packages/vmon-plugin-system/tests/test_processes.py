"""Processes: real ones, those that vanish while they are read, and those that may not be read."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest.mock import Mock

import psutil
import pytest

from vmon_plugin_system.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample

TITLED = (
    "import sys; from setproctitle import setproctitle; setproctitle({!r}); print(flush=True); sys.stdin.readline()"
)
PARENT = """
import subprocess, sys, time
while time.process_time() < 0.05:  # the kernel counts in steps of 10 ms
    pass
command = [sys.executable, "-c", "print(flush=True); input()"]
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()  # before that it may still be the fork of this process
print(child.pid, flush=True)
sys.stdin.readline()
child.kill()
"""


def start(code: str) -> subprocess.Popen[str]:
    """Start a process that says a line when it is ready and ends when it is told one."""
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> None:
    """End it and wait for that."""
    process.kill()
    process.communicate(timeout=30)


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process and the pid of its child."""
    parent = start(PARENT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    yield parent, child
    end(parent)
    if psutil.pid_exists(child):
        psutil.Process(child).kill()


def by_pid(samples: list[Sample]) -> dict[int, dict[str, float]]:
    """Values by name, for each process."""
    found: dict[int, dict[str, float]] = {}
    for sample in samples:
        found.setdefault(int(dict(sample.labels)["pid"]), {})[sample.name] = sample.value
    return found


def test_figures_of_a_real_family(family: tuple[subprocess.Popen[str], int]) -> None:
    """Parent and child are measured, with figures that are plausible for a small program."""
    parent, child = family
    found = by_pid(Processes(64, 0.0).samples(parent.pid, 1.0))
    assert found.keys() == {parent.pid, child}
    assert 1e6 < found[child]["process.memory.rss"] < 1e9
    assert found[child]["process.threads"] == 1
    assert found[child]["process.files.open"] >= 3
    assert 0 < found[parent.pid]["process.cpu.seconds"] < 60


def test_new_processes_are_found_after_a_while(family: tuple[subprocess.Popen[str], int]) -> None:
    """The process table is not read each time, but often enough."""
    parent, child = family
    processes = Processes(64, 10.0)
    processes.samples(os.getpid(), 0.0)
    late = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert late.pid not in by_pid(processes.samples(os.getpid(), 9.0))
        assert {late.pid, parent.pid, child} <= by_pid(processes.samples(os.getpid(), 10.0)).keys()
    finally:
        late.communicate(timeout=30)


def test_orphan_is_still_measured(family: tuple[subprocess.Popen[str], int]) -> None:
    """An engine that outlives its killed parent is what one wants to see."""
    parent, child = family
    processes = Processes(64, 0.0)
    processes.samples(parent.pid, 0.0)
    end(parent)
    assert by_pid(processes.samples(parent.pid, 1.0)).keys() == {child}


def test_ended_process_is_forgotten() -> None:
    """One that is gone has no figures, and its pid is not followed."""
    process = start("print(flush=True); input()")
    processes = Processes(64, 0.0)
    assert process.pid in by_pid(processes.samples(process.pid, 0.0))
    end(process)
    assert processes.samples(process.pid, 1.0) == []
    assert processes._known == {}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("VLLM::EngineCore", "VLLM::EngineCore"),
        ("VLLM::Worker_TP1 --api-key s3cret", "VLLM::Worker_TP1"),
        ("prodVLLM::APIServer_0", "prodVLLM::APIServer_0"),
        ("vllm serve m --api-key s3cret", "vllm serve m --"),
    ],
)
def test_names(title: str, name: str) -> None:
    """Titles of vLLM are used, everything else by the kernel's 15 characters; a key in a command line never shows."""
    process = start(TITLED.format(title))
    try:
        assert process.stdout is not None
        process.stdout.readline()
        (labels,) = {sample.labels for sample in Processes(64, 0.0).samples(process.pid, 0.0)}
        assert dict(labels)["name"] == name
    finally:
        end(process)


def test_processes_are_bounded(family: tuple[subprocess.Popen[str], int]) -> None:
    """However many there are, the number of series has an end."""
    parent, _ = family
    assert by_pid(Processes(1, 0.0).samples(parent.pid, 0.0)).keys() == {parent.pid}


@pytest.mark.parametrize(
    ("method", "metrics"),
    [
        ("cpu_times", {"process.cpu.seconds"}),
        ("memory_info", {"process.memory.rss"}),
        ("num_threads", {"process.threads"}),
        ("num_fds", {"process.files.open"}),
        ("io_counters", {"process.io.read", "process.io.written"}),
    ],
)
@pytest.mark.parametrize("error", [psutil.AccessDenied(1), PermissionError(), NotImplementedError()])
def test_what_may_not_be_read_is_absent(
    monkeypatch: pytest.MonkeyPatch, method: str, metrics: set[str], error: Exception
) -> None:
    """The other figures of the same process are there."""
    complete = by_pid(Processes(64, 0.0).samples(os.getpid(), 0.0))[os.getpid()]
    monkeypatch.setattr(psutil.Process, method, _raising(error))
    assert by_pid(Processes(64, 0.0).samples(os.getpid(), 0.0))[os.getpid()].keys() == complete.keys() - metrics


@pytest.mark.parametrize("method", ["cpu_times", "memory_info", "num_threads", "num_fds", "io_counters"])
@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), psutil.ZombieProcess(1)])
def test_process_that_vanishes_between_two_reads(
    monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    """Nothing is told of it rather than half of it."""
    monkeypatch.setattr(psutil.Process, method, _raising(error))
    assert Processes(64, 0.0).samples(os.getpid(), 0.0) == []


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), psutil.AccessDenied(1)])
def test_process_without_a_readable_name(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """It is measured all the same."""
    monkeypatch.setattr(psutil.Process, "cmdline", _raising(error))
    assert {dict(s.labels)["name"] for s in Processes(64, 0.0).samples(os.getpid(), 0.0)} == {""}


def test_tree_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A main process that vanishes while its children are looked for is no error."""
    monkeypatch.setattr(psutil.Process, "children", _raising(psutil.NoSuchProcess(1)))
    assert Processes(64, 0.0).samples(os.getpid(), 0.0) == []


def _raising(error: Exception) -> Mock:
    fail = Mock(side_effect=error)
    fail.cache_activate = fail.cache_deactivate = lambda _: None  # psutil keeps them on its methods
    return fail
