"""Holding on to one process."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_vllm.process.handle import ProcessHandle
from vmon_plugin_vllm.process.procfs import ProcFS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import FakeProc

KERNELS = pytest.mark.parametrize("pidfd", [True, False], ids=["pidfd", "no-pidfd"])


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A child that lives until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield process
        process.kill()


def take(pid: int, monkeypatch: pytest.MonkeyPatch, *, pidfd: bool) -> ProcessHandle:
    """Open a handle, on a kernel with or without pidfds."""
    if not pidfd:
        monkeypatch.delattr("os.pidfd_open")
    handle = ProcessHandle.open(pid, None, ProcFS())
    assert handle is not None
    assert (handle.descriptor is not None) is pidfd
    return handle


@KERNELS
def test_signals_and_sees_the_end(
    child: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    pidfd: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """A signal arrives, the wait ends, and the status can be read twice without taking it away."""
    handle = take(child.pid, monkeypatch, pidfd=pidfd)
    assert handle.alive()
    assert not handle.wait(0.0)
    assert handle.exit_status(1.0, main=True) is None
    assert handle.send(signal.SIGTERM)
    assert handle.wait(20.0)
    assert not handle.alive()
    assert not handle.send(signal.SIGTERM)
    for _ in range(2):
        status = handle.exit_status(1.0, main=True)
        assert status is not None
        assert (status.code, status.signal, status.main) == (None, signal.SIGTERM, True)
    assert child.wait() == -signal.SIGTERM
    handle.close()


def test_reaping_takes_the_exit_code_away(child: subprocess.Popen[bytes]) -> None:
    """An exit code is told from a signal; once taken, there is nothing left to read."""
    handle = ProcessHandle.open(child.pid, None, ProcFS())
    assert handle is not None
    assert child.stdin is not None
    child.stdin.close()
    assert handle.wait(20.0)
    status = handle.exit_status(1.0, main=False, reap=True)
    assert status is not None
    assert (status.code, status.signal) == (1, None)  # input() met the end of the file
    assert handle.exit_status(1.0, main=False) is None
    handle.close()


@KERNELS
def test_a_reused_pid_is_refused(
    child: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    pidfd: bool,  # noqa: FBT001 (a parameter of the test)
) -> None:
    """A process that started at another time is another process, whatever its pid."""
    if not pidfd:
        monkeypatch.delattr("os.pidfd_open")
    procfs = ProcFS()
    stat = procfs.stat(child.pid)
    assert stat is not None
    started = procfs.started(stat)
    assert ProcessHandle.open(child.pid, started - 60.0, procfs) is None
    handle = ProcessHandle.open(child.pid, started + 1.0, procfs)
    assert handle is not None
    handle.close()


def test_a_pid_reused_after_the_open_is_not_signalled(fake_proc: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pidfds the start time is compared again before each signal."""
    monkeypatch.delattr("os.pidfd_open")
    monkeypatch.setattr("os.kill", lambda *_: pytest.fail("a stranger was signalled"))
    fake_proc.put(7, "vllm serve m", start=50)
    handle = ProcessHandle.open(7, None, fake_proc.procfs)
    assert handle is not None
    fake_proc.put(7, "bash", start=90)
    assert not handle.send(signal.SIGKILL)
    assert handle.wait(0.0)


def test_a_process_of_another_user_is_not_signalled(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused signal is told, not raised."""

    def refuse(*_: object) -> None:
        raise PermissionError

    handle = take(child.pid, monkeypatch, pidfd=True)
    monkeypatch.setattr("signal.pidfd_send_signal", refuse)
    assert not handle.send(signal.SIGTERM)
    handle.close()


def test_nobody_there(fake_proc: FakeProc) -> None:
    """There is no handle on a process that does not exist."""
    assert ProcessHandle.open(7, None, fake_proc.procfs) is None
