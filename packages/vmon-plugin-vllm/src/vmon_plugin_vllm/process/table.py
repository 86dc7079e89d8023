"""The processes of one deployment, looked at every second.

One look lists /proc once, reads one small file for each process of the deployment, and looks closer only at processes
that were not there before. (`/proc/PID/task/TID/children` would need one read for each of a worker's hundreds of
threads, is not built into every kernel, and does not show orphans.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import Evidence, ProcessGone, ProcessSampled, ProcessSeen, Role
from vmon_core.redaction import redact_command
from vmon_plugin_vllm.process.ownership import Membership
from vmon_plugin_vllm.process.procfs import ProcFS, Stat
from vmon_plugin_vllm.process.titles import Identity, identify, main_identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Target

YOUNG = 180.0
"""Seconds for which a process' title is read at each look; later only when its short name changes.

The last rename of a worker comes with torch.distributed, 60 s after its start on a busy box (traces `tp2`, `dp2`),
and may not show in the short name, which is cut to 15 bytes.
"""

_TITLE_LIMIT = 4096


@attrs.frozen
class _Member:
    """What is known of a live process; `comm` is the short name that it had when its title was read."""

    stat: Stat
    identity: Identity
    comm: str
    since: float


class ProcessTable:
    """Follows the processes of one target; not safe for use from two threads at once.

    Args:
        target: the deployment; its `pid` must be known. Descendants of that process belong to it, and so do orphans
            of its session, or with its launch id.
        procfs: the process table to read.
    """

    def __init__(self, target: Target, procfs: ProcFS | None = None) -> None:
        self._target = target
        self._procfs = procfs or ProcFS()
        self._membership = Membership(target, self._procfs)
        self._members: dict[int, _Member] = {}
        self._foreign: set[int] = set()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that ran at the last look."""
        return tuple(self._members)

    def look(self, now: float) -> list[Evidence]:
        """Read the table once.

        Args:
            now: the time of the look, Unix seconds.

        Returns:
            First the processes that are gone, then those that are new or renamed, then one sample for each that runs.
            A pid that was given to another process counts as gone, a zombie too.
        """
        present = set(self._procfs.pids())
        self._foreign &= present
        gone = self._forget_ended(now)
        seen = [*self._renamed(now), *self._newcomers(present, now)]
        return [*gone, *seen, *(_sample(member.stat, now) for member in self._members.values())]

    def _forget_ended(self, now: float) -> list[Evidence]:
        gone: list[Evidence] = []
        for pid, member in list(self._members.items()):
            stat = self._procfs.stat(pid)
            if stat is None or stat.ended or stat.start_ticks != member.stat.start_ticks:
                del self._members[pid]
                gone.append(ProcessGone(time=now, pid=pid, summary=f"{member.identity.name} (pid {pid}) ended"))
            else:
                self._members[pid] = attrs.evolve(member, stat=stat) if stat != member.stat else member
        return gone

    def _renamed(self, now: float) -> Iterable[Evidence]:
        for pid, member in list(self._members.items()):
            if now - member.since > YOUNG and member.stat.comm == member.comm:
                continue
            identity = self._identify(member.stat)
            changed = _says_more(identity, member.identity)
            if changed:
                yield _seen(member.stat, identity, now, self._procfs)
            identity = identity if changed else member.identity
            self._members[pid] = attrs.evolve(member, identity=identity, comm=member.stat.comm)

    def _newcomers(self, present: set[int], now: float) -> Iterable[Evidence]:
        unknown = present - self._members.keys() - self._foreign
        if not unknown:
            return
        stats = [stat for stat in map(self._procfs.stat, unknown) if stat is not None]
        session = self._membership.session()
        for stat in sorted(stats, key=lambda stat: (stat.start_ticks, stat.pid)):  # parents before their children
            if stat.ended or not self._belongs(stat, session):
                self._foreign.add(stat.pid)
                continue
            identity = self._identify(stat)
            self._members[stat.pid] = _Member(stat, identity, stat.comm, now)
            yield _seen(stat, identity, now, self._procfs)

    def _belongs(self, stat: Stat, session: int | None) -> bool:
        if stat.pid == self._target.pid:
            return self._procfs.is_same(stat, self._target.started)
        return stat.parent in self._members or self._membership.includes(stat, session)

    def _identify(self, stat: Stat) -> Identity:
        title = " ".join(redact_command(self._procfs.arguments(stat.pid)))[:_TITLE_LIMIT]
        if stat.pid == self._target.pid:
            return main_identity(title)
        parent = self._members.get(stat.parent)
        return identify(title, stat.comm, parent.identity if parent else None)


def _says_more(identity: Identity, known: Identity) -> bool:
    """Whether a newly read identity replaces the known one.

    A dying process loses its title and an orphan its parent; neither makes it another process.
    """
    if not identity.title or identity == known:
        return False
    return identity.title != known.title or identity.role is not Role.HELPER


def _seen(stat: Stat, identity: Identity, now: float, procfs: ProcFS) -> ProcessSeen:
    return ProcessSeen(
        time=now,
        pid=stat.pid,
        parent=stat.parent,
        role=identity.role,
        name=identity.name,
        title=identity.title,
        started=procfs.started(stat),
    )


def _sample(stat: Stat, now: float) -> ProcessSampled:
    return ProcessSampled(
        time=now,
        pid=stat.pid,
        status=stat.state,
        cpu_seconds=stat.cpu_seconds,
        rss_bytes=stat.rss_bytes,
        threads=stat.threads,
    )
