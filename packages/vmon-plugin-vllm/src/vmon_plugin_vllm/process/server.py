"""One running server in vmon's hands: signals, waiting, killing, clean-up; each only for what is provably its own."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from vmon_core.errors import VmonError
from vmon_core.evidence import ProcessExited
from vmon_plugin_vllm.process.cleanup import SharedMemoryLedger, verify
from vmon_plugin_vllm.process.handle import ProcessHandle
from vmon_plugin_vllm.process.ownership import Membership, handle_of
from vmon_plugin_vllm.process.procfs import ProcFS, Stat

if TYPE_CHECKING:
    from vmon_core.evidence import CleanupVerified
    from vmon_core.records import Target

NOTE_SECONDS = 10.0
"""How often it is looked which shared memory the server holds, in seconds; a look takes some milliseconds."""

KILL_ROUNDS = 5
"""How often `kill` looks for processes that were born while it killed the others."""


class VllmServer:
    """A server that vmon launched or adopted; implements `vmon_core.plugin.Server`.

    The exit status of the main process is read in place and only taken away by `clean_up`, so that an `ExitWatch`
    sees it too.

    Args:
        target: who it is; pid, start time and launch id are known.
        ledger: what is known of its shared memory.
        procfs: the process table.

    Raises:
        VmonError: there is no such process.
    """

    def __init__(
        self, target: Target, ledger: SharedMemoryLedger | None = None, *, procfs: ProcFS | None = None
    ) -> None:
        self._procfs = procfs or ProcFS()
        self._target = target
        self._ledger = ledger or SharedMemoryLedger()
        self._membership = Membership(target, self._procfs)
        self._main = _take_hold(target, self._procfs)
        self._exited: ProcessExited | None = None
        self._noted_at = time.monotonic()

    @property
    def target(self) -> Target:
        """Who it is."""
        return self._target

    def alive(self) -> bool:
        """Whether the very process that was launched still runs; a zombie does not."""
        return self._main.alive()

    def send(self, signal: int) -> bool:
        """Send a signal to the main process.

        Args:
            signal: its number.

        Returns:
            False when the process is no longer there.
        """
        self._ledger.note(self._membership)
        return self._main.send(signal)

    def kill(self) -> int:
        """SIGKILL every process of the server: those of its session, and those with its launch id.

        Returns:
            How many processes were hit.
        """
        self._ledger.note(self._membership)
        hit: set[tuple[int, int]] = set()
        for _ in range(KILL_ROUNDS):
            fresh = [stat for stat in self._membership.alive() if (stat.pid, stat.start_ticks) not in hit]
            if not fresh:
                break
            hit.update((stat.pid, stat.start_ticks) for stat in fresh if self._kill_one(stat))
        return len(hit)

    def wait(self, timeout: float) -> ProcessExited | None:
        """Wait for the end of the main process.

        Args:
            timeout: seconds to wait at most.

        Returns:
            How it ended, None while it runs. Code and signal are both None for an adopted server, whose status only
            its parent could read.
        """
        self._note_now_and_then()
        if self._exited is None and self._main.wait(timeout):
            now = time.time()
            self._exited = self._main.exit_status(now, main=True) or _unknown_end(self._main.pid, now)
        return self._exited

    def _note_now_and_then(self) -> None:
        """Keep up with the shared memory that it holds: when all of it dies at once, nobody can be asked any more."""
        if time.monotonic() - self._noted_at >= NOTE_SECONDS:
            self._noted_at = time.monotonic()
            self._ledger.note(self._membership)

    def clean_up(self, *, remove: bool = False) -> CleanupVerified:
        """Look for what was left behind.

        Args:
            remove: take away shared memory that is provably the server's own.

        Returns:
            What is left now.
        """
        if self.wait(0.0) is not None:
            self._main.exit_status(time.time(), main=True, reap=True)
        return verify(self._target, self._ledger, remove=remove, procfs=self._procfs)

    def close(self) -> None:
        """Let go of the server; it runs on."""
        self._main.close()

    def _kill_one(self, stat: Stat) -> bool:
        handle = handle_of(stat, self._procfs)
        if handle is None:
            return False
        try:
            return handle.send(signal.SIGKILL)
        finally:
            handle.close()


def _take_hold(target: Target, procfs: ProcFS) -> ProcessHandle:
    handle = None if target.pid is None else ProcessHandle.open(target.pid, target.started, procfs)
    if handle is None:
        msg = f"the server {target.name} (pid {target.pid}) is gone; `vmon events` shows what was last seen of it"
        raise VmonError(msg)
    return handle


def _unknown_end(pid: int, now: float) -> ProcessExited:
    summary = "the main process ended; only the process that launched it could read how"
    return ProcessExited(time=now, pid=pid, main=True, summary=summary)
