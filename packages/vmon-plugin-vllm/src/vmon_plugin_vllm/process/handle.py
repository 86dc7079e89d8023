"""A hold on one particular process: a pidfd, which never comes to mean another process as a pid can."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Self

from vmon_core.evidence import ProcessExited

if TYPE_CHECKING:
    from vmon_plugin_vllm.process.procfs import ProcFS

POLL_INTERVAL = 0.02
"""Seconds between two looks where the kernel has no pidfd (before Linux 5.3, some sandboxes)."""


class ProcessHandle:
    """A process that cannot be mistaken for a later one with the same pid; make it with `open`.

    Without pidfd support the start time is compared before each use, which leaves a gap of microseconds.
    """

    def __init__(self, pid: int, start_ticks: int, procfs: ProcFS, descriptor: int | None) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self._start_ticks = start_ticks
        self._procfs = procfs

    @classmethod
    def open(cls, pid: int, started: float | None, procfs: ProcFS) -> Self | None:
        """Take hold of a process, dead or alive, as long as it was not reaped.

        Args:
            pid: its process id.
            started: its start time in Unix seconds; None takes whichever process has the pid now.
            procfs: the process table.

        Returns:
            The handle, None when there is no such process or the pid belongs to another one.
        """
        descriptor = _pidfd(pid)
        stat = procfs.stat(pid)  # after the open: what is checked now is what the descriptor holds
        if stat is None or not procfs.is_same(stat, started):
            _close(descriptor)
            return None
        return cls(pid, stat.start_ticks, procfs, descriptor)

    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        stat = self._procfs.stat(self.pid)
        return stat is not None and stat.start_ticks == self._start_ticks and not stat.ended

    def send(self, signum: int) -> bool:
        """Send a signal; False when the process has ended or may not be signalled."""
        if not self.alive():
            return False
        try:
            if self.descriptor is None:
                os.kill(self.pid, signum)
            else:
                signal.pidfd_send_signal(self.descriptor, signum)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for its end; True when it has ended."""
        if self.descriptor is None:
            return self._wait_by_looking(timeout)
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, timeout) * 1000))

    def exit_status(self, time: float, *, main: bool, reap: bool = False) -> ProcessExited | None:
        """Read how it ended, if it is a child of this process and has ended.

        Args:
            time: the moment to put on the evidence.
            main: whether it is the main process.
            reap: take the status away, after which the kernel forgets the process.

        Returns:
            The evidence, None when it runs, or when its status is not ours to read.
        """
        flags = os.WEXITED | os.WNOHANG | (0 if reap else os.WNOWAIT)
        kind, number = (os.P_PID, self.pid) if self.descriptor is None else (os.P_PIDFD, self.descriptor)
        try:
            status = os.waitid(kind, number, flags)
        except OSError:  # ChildProcessError: not our child; EINVAL: Linux 5.3 knows no P_PIDFD
            return None
        if status is None:
            return None
        if status.si_code == os.CLD_EXITED:
            return ProcessExited(time=time, pid=self.pid, main=main, code=status.si_status)
        return ProcessExited(time=time, pid=self.pid, main=main, signal=status.si_status)

    def close(self) -> None:
        """Let go of it."""
        _close(self.descriptor)
        self.descriptor = None

    def _wait_by_looking(self, timeout: float) -> bool:
        end = time.monotonic() + timeout
        while self.alive():
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, POLL_INTERVAL))
        return True


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError, ValueError):
        return None


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
