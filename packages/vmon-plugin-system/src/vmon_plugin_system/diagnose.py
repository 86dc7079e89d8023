"""Which figures of a server's processes may be read: some need its user, or the capability SYS_PTRACE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from vmon_core.records import CheckVerdict, CompatibilityCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_core.records import Target

CODE = "system.process_metrics"

_FIGURES: dict[str, Callable[[psutil.Process], object]] = {
    "processor time": psutil.Process.cpu_times,
    "memory": psutil.Process.memory_info,
    "open files": psutil.Process.num_fds,
    "bytes read and written": psutil.Process.io_counters,
}


def diagnose(target: Target) -> Iterator[CompatibilityCheck]:
    """Try to read each figure of the main process.

    Args:
        target: one without a process is passed over: there is nothing to be measured here.

    Yields:
        Which figures there will be, and which not.
    """
    if target.pid is None:
        return
    try:
        process = psutil.Process(target.pid)
        refused = [name for name, read in _FIGURES.items() if not _may(read, process)]
    except psutil.NoSuchProcess:
        summary = f"its main process {target.pid} is gone"
        yield CompatibilityCheck(code=CODE, verdict=CheckVerdict.NOT_EVALUATED, summary=summary)
        return
    if refused:
        yield CompatibilityCheck(
            code=CODE,
            verdict=CheckVerdict.WARNING,
            summary=f"may not be read of process {target.pid}: {', '.join(refused)}",
            fix="Run vmon as the user of the server, or give it the capability SYS_PTRACE.",
        )
    else:
        summary = f"all {len(_FIGURES)} kinds of figures of process {target.pid} can be read"
        yield CompatibilityCheck(code=CODE, verdict=CheckVerdict.OK, summary=summary)


def _may(read: Callable[[psutil.Process], object], process: psutil.Process) -> bool:
    try:
        read(process)
    except psutil.AccessDenied:
        return False
    return True
