"""vLLM servers that already run on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.records import Target
from vmon_core.redaction import redact_command
from vmon_plugin_vllm.process.command import runs_server, server_options
from vmon_plugin_vllm.process.ports import local_port, port_owner
from vmon_plugin_vllm.process.procfs import ProcFS, Stat

if TYPE_CHECKING:
    from collections.abc import Iterable

_ANCESTORS = 16
"""Steps to climb at most; a process table read bit by bit can show a cycle."""


def discover(procfs: ProcFS | None = None) -> tuple[Target, ...]:
    """Find the vLLM servers of this machine by the command lines of their main processes.

    Args:
        procfs: the process table.

    Returns:
        One target for each, the oldest first; none counts as owned, whoever launched it. Processes that may not be read
        are passed over, and the log is named only where the standard output is a file that can be read.
    """
    procfs = procfs or ProcFS()
    stats = [stat for stat in map(procfs.stat, procfs.pids()) if stat is not None and not stat.ended]
    servers = {stat.pid: stat for stat in stats if runs_server(procfs.arguments(stat.pid))}
    mains = [stat for stat in servers.values() if stat.parent not in servers]
    return tuple(_target(stat, procfs) for stat in sorted(mains, key=lambda stat: (stat.start_ticks, stat.pid)))


def find_by_url(url: str, procfs: ProcFS | None = None) -> Target | None:
    """Find the server behind a URL of this machine.

    Args:
        url: such as `http://localhost:8000`.
        procfs: the process table.

    Returns:
        Its target, with the given URL; None when the URL names another machine, nobody listens there, the listener
        may not be seen, or it is no vLLM server.
    """
    place = local_port(url)
    owner = port_owner(*place) if place else None
    if owner is None or owner.pid is None:
        return None
    procfs = procfs or ProcFS()
    main = _main_of(owner.pid, procfs)
    return _target(main, procfs, url) if main else None


def _main_of(pid: int, procfs: ProcFS) -> Stat | None:
    """The topmost vLLM server among a process and its ancestors; API servers are children of it."""
    main = None
    for stat in _ancestry(pid, procfs):
        if runs_server(procfs.arguments(stat.pid)):
            main = stat
        elif main is not None:
            break
    return main


def _ancestry(pid: int, procfs: ProcFS) -> Iterable[Stat]:
    for _ in range(_ANCESTORS):
        stat = procfs.stat(pid)
        if stat is None:
            return
        yield stat
        pid = stat.parent


def _target(stat: Stat, procfs: ProcFS, url: str = "") -> Target:
    command = procfs.arguments(stat.pid)
    options = server_options(command)
    return Target(
        name=options.name if options else "vllm",
        url=url or (options.url if options else ""),
        pid=stat.pid,
        started=procfs.started(stat),
        log=_log(stat.pid, procfs),
        command=redact_command(command),
    )


def _log(pid: int, procfs: ProcFS) -> str:
    """The file that its standard output goes to, "" when that is a terminal, a pipe or unreadable."""
    path = procfs.link(pid, 1)
    if not path.startswith("/") or not Path(path).is_file():
        return ""
    try:
        with Path(path).open("rb"):
            return path
    except OSError:
        return ""
