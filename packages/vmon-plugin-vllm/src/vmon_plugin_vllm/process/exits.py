"""Deaths, seen when they happen: the kernel wakes one thread through pidfds."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from vmon_core.evidence import ProcessGone
from vmon_plugin_vllm.process.handle import ProcessHandle
from vmon_plugin_vllm.process.procfs import ProcFS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_core.evidence import Evidence

POLL_INTERVAL = 0.05
"""Seconds between two looks at processes for which the kernel gave no pidfd."""


class ExitWatch:
    """Reports the end of each watched process once, as it happens.

    The exit status of the main process is looked at and left in place, for whoever launched it. Other children of
    this process can only be orphans that it adopted as a subreaper: their status is taken, which also buries them.

    Args:
        on_exit: takes a `ProcessExited` where the status can be read, else a `ProcessGone`. It is called from the
            watching thread (from `watch` itself when the process is gone already) and must neither block nor raise.
        procfs: the process table.
        clock: tells the time in Unix seconds.
    """

    def __init__(
        self,
        on_exit: Callable[[Evidence], None],
        procfs: ProcFS | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._on_exit = on_exit
        self._procfs = procfs or ProcFS()
        self._clock = clock
        self._arrivals: deque[tuple[ProcessHandle, bool]] = deque()
        self._watched: dict[ProcessHandle, bool] = {}
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="vmon-exits", daemon=True)
        self._thread.start()

    def watch(self, pid: int, started: float | None = None, *, main: bool = False) -> None:
        """Watch one more process.

        Args:
            pid: its process id.
            started: its start time in Unix seconds, so that a later process with this pid is not taken for it.
            main: whether it is the main process of its deployment.
        """
        handle = ProcessHandle.open(pid, started, self._procfs)
        if handle is None:
            self._on_exit(ProcessGone(time=self._clock(), pid=pid, summary=f"pid {pid} was gone already"))
            return
        self._arrivals.append((handle, main))
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Stop watching and wait for the thread; calling it again does nothing."""
        if self._closing:
            return
        self._closing = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        for handle, _ in [*self._arrivals, *self._watched.items()]:
            handle.close()
        os.close(self._wake)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        while not self._closing:
            ready = {descriptor for descriptor, _ in poll.poll(self._timeout())}
            if self._wake in ready:
                os.eventfd_read(self._wake)
                self._take_in(poll)
            for handle in [handle for handle in self._watched if _ended(handle, ready)]:
                self._report(handle, poll)

    def _timeout(self) -> float | None:
        """Milliseconds to sleep at most; None sleeps until something happens."""
        without_pidfd = any(handle.descriptor is None for handle in self._watched)
        return POLL_INTERVAL * 1000 if without_pidfd else None

    def _take_in(self, poll: select.poll) -> None:
        while self._arrivals:
            handle, main = self._arrivals.popleft()
            self._watched[handle] = main
            if handle.descriptor is not None:
                poll.register(handle.descriptor, select.POLLIN)

    def _report(self, handle: ProcessHandle, poll: select.poll) -> None:
        main = self._watched.pop(handle)
        if handle.descriptor is not None:
            poll.unregister(handle.descriptor)
        now = self._clock()
        exited = handle.exit_status(now, main=main, reap=not main)
        handle.close()
        self._on_exit(exited or ProcessGone(time=now, pid=handle.pid))


def _ended(handle: ProcessHandle, ready: Iterable[int]) -> bool:
    return not handle.alive() if handle.descriptor is None else handle.descriptor in ready
