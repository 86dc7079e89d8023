"""Proof that a process belongs to a server that vmon launched; a name or a port proves nothing."""

from __future__ import annotations

import attrs

from vmon_core.records import Target
from vmon_plugin_vllm.process.handle import ProcessHandle
from vmon_plugin_vllm.process.procfs import START_TOLERANCE, ProcFS, Stat

LAUNCH_ID = "VMON_LAUNCH_ID"
"""The environment variable by which the processes of a launch are known."""


def owns(target: Target, procfs: ProcFS | None = None) -> bool:
    """Prove that a target's main process runs and is the one that vmon launched.

    Three things must hold: a process with its pid runs, it started when the target did (within `START_TOLERANCE`),
    and its environment carries the launch id. A process whose environment cannot be read is not proved to be ours.

    Args:
        target: the target, as the journal kept it.
        procfs: the process table.

    Returns:
        Whether all three hold.
    """
    procfs = procfs or ProcFS()
    if not target.launch_id or target.pid is None or target.started is None:
        return False
    stat = procfs.stat(target.pid)
    return (
        stat is not None
        and not stat.ended
        and procfs.is_same(stat, target.started)
        and procfs.variable(target.pid, LAUNCH_ID) == target.launch_id
    )


@attrs.frozen
class Membership:
    """Tells which processes belong to a target, beyond its main process' descendants.

    A process of a launched server stays in the session of the main process when its parent dies, and so does its
    `/proc/PID/environ` with the launch id, unless `setproctitle` overwrote it. Either is proof: the kernel gives a
    pid to nobody else while a session of that number has members.

    Attributes:
        target: the deployment.
        procfs: the process table.
    """

    target: Target
    procfs: ProcFS

    def session(self) -> int | None:
        """The session that belongs to the target alone, None when there is none.

        That is so when its main process leads the session. A server found in somebody's shell shares the shell's
        session, which proves nothing. Nor does a session number whose pid now belongs to a later process.
        """
        pid = self.target.pid
        if pid is None:
            return None
        leader = self.procfs.stat(pid)
        if leader is None:
            return pid if self.target.owned else None
        return pid if leader.session == pid and self.procfs.is_same(leader, self.target.started) else None

    def includes(self, stat: Stat, session: int | None) -> bool:
        """Whether a process is of the target's `session` or carries its launch id."""
        if self.target.started is not None and self.procfs.started(stat) < self.target.started - START_TOLERANCE:
            return False
        if session is not None and stat.session == session:
            return True
        return self.target.owned and self.procfs.variable(stat.pid, LAUNCH_ID) == self.target.launch_id

    def members(self) -> tuple[Stat, ...]:
        """All processes that belong to the target, zombies included, the oldest first."""
        session = self.session()
        stats = (self.procfs.stat(pid) for pid in self.procfs.pids())
        found = (stat for stat in stats if stat is not None and self.includes(stat, session))
        return tuple(sorted(found, key=lambda stat: (stat.start_ticks, stat.pid)))

    def alive(self) -> tuple[Stat, ...]:
        """The members that still run."""
        return tuple(stat for stat in self.members() if not stat.ended)


def handle_of(stat: Stat, procfs: ProcFS) -> ProcessHandle | None:
    """Take hold of exactly the process that `stat` describes, None when it is gone."""
    handle = ProcessHandle.open(stat.pid, procfs.started(stat), procfs)
    now = procfs.stat(stat.pid)
    if handle is not None and (now is None or now.start_ticks != stat.start_ticks):
        handle.close()
        return None
    return handle
