"""What a server left behind after its end: looked up, not assumed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import CleanupVerified
from vmon_plugin_vllm.process import shared_memory
from vmon_plugin_vllm.process.command import server_options
from vmon_plugin_vllm.process.orphans import bury
from vmon_plugin_vllm.process.ownership import Membership
from vmon_plugin_vllm.process.ports import local_port, port_free, port_owner
from vmon_plugin_vllm.process.procfs import START_TOLERANCE, ProcFS

if TYPE_CHECKING:
    from vmon_core.records import Target


@attrs.define
class SharedMemoryLedger:
    """What is known about the shared memory of one deployment.

    Attributes:
        before: the names that existed before the launch; None when nobody looked, as for an adopted server.
        proven: the names that a process of the deployment was seen holding: only these may be removed.
        folder: where shared memory lies.
    """

    before: frozenset[str] | None = None
    proven: set[str] = attrs.field(factory=set)
    folder: str = shared_memory.FOLDER

    def note(self, membership: Membership) -> None:
        """Write down what the deployment's processes hold now."""
        pids = [stat.pid for stat in membership.alive()]
        self.proven |= shared_memory.held_by(pids, membership.procfs, self.folder)

    def left(self, target: Target, procfs: ProcFS) -> tuple[str, ...]:
        """The names that appeared in the deployment's life and that no live process holds any more."""
        names = shared_memory.names(self.folder)
        names -= self.before if self.before is not None else frozenset()
        since = (target.started or 0.0) - START_TOLERANCE
        names = frozenset(n for n in names if n in self.proven or shared_memory.changed_since(n, since, self.folder))
        held = shared_memory.held_by(procfs.pids(), procfs, self.folder) if names else frozenset()
        return tuple(sorted(names - held))

    def remove(self, left: tuple[str, ...]) -> None:
        """Unlink those of `left` that are provably the deployment's own."""
        for name in left:
            if name in self.proven:
                shared_memory.remove(name, self.folder)


def verify(
    target: Target,
    ledger: SharedMemoryLedger | None = None,
    *,
    remove: bool = False,
    procfs: ProcFS | None = None,
) -> CleanupVerified:
    """Look for what a server left behind. It waits for nothing; call it again to see whether something has gone.

    Args:
        target: the server, launched by vmon.
        ledger: what is known of its shared memory; without one, shared memory is judged by its age alone.
        remove: unlink shared memory that one of its processes was seen holding and that nobody holds any more.
            Other names are reported as suspected: another container that shares /dev/shm may hold them unseen.
        procfs: the process table.

    Returns:
        Its processes that still run; once none does, whether its port is free and what shared memory it left. GPU
        memory is not measured here.
    """
    procfs = procfs or ProcFS()
    ledger = ledger or SharedMemoryLedger()
    membership = Membership(target, procfs)
    members = membership.members()
    bury(stat for stat in members if stat.pid != target.pid)
    alive = tuple(stat.pid for stat in members if not stat.ended)
    if alive:
        ledger.note(membership)
        return CleanupVerified(time=time.time(), processes=alive)
    left = ledger.left(target, procfs)
    if remove and left:
        ledger.remove(left)
        left = ledger.left(target, procfs)
    free, why = _port_free(target)
    own = tuple(name for name in left if name in ledger.proven)
    others = tuple(name for name in left if name not in ledger.proven)
    return CleanupVerified(time=time.time(), port_free=free, shared_memory=own, suspected=others, summary=why)


def _port_free(target: Target) -> tuple[bool | None, str]:
    """Whether the port is free again; that another program has it by now says nothing about the server."""
    place = local_port(target.url)
    if place is None:
        return None, ""
    options = server_options(target.command)
    host, port = (options.host, place[1]) if options else place
    free = port_free(host, port)
    owner = port_owner(host, port) if free is False else None
    if owner is None:
        return free, ""
    return (None if owner.pid is not None else False), str(owner)
