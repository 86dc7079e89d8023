"""Fork, title and end processes, the way the stand-in's process tree needs it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import setproctitle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SPAWNED_TITLE = (
    f"{sys.executable} -B -c from multiprocessing.spawn import spawn_main; spawn_main() --multiprocessing-fork"
)
"""What the process table shows of a child of a real vLLM until its imports are done."""


class Closable(Protocol):
    """Anything that the child of a fork must let go of."""

    def close(self) -> None:
        """Give the resource back."""


def fork(target: Callable[[], int], *, close: Iterable[Closable] = ()) -> int:
    """Run `target` in a child that shares nothing but the output streams.

    Call it only while this process has a single thread.

    Args:
        target: the child's main function; what it returns is the exit code.
        close: what the child must not keep open: its copy of a socket would hide that the other copy was closed.

    Returns:
        The pid of the child, in the parent; the child never returns.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        setproctitle.setproctitle(SPAWNED_TITLE)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for resource in close:
            resource.close()
        code = target()
    except BaseException:  # noqa: BLE001 (a child must never return into its parent's stack)
        traceback.print_exc()
    finally:
        os._exit(code)


def send_signal(pid: int, number: int) -> None:
    """Signal a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def reap(pid: int, *, timeout: float) -> bool:
    """Wait for a child to end.

    Args:
        pid: the child.
        timeout: seconds.

    Returns:
        Whether it is gone; a child that somebody else reaped counts as gone.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)


def stat_fields(pid: int) -> list[str] | None:
    """The fields of `/proc/PID/stat` from the third (state) on, or None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def title(pid: int) -> str:
    """The command line as the process table shows it, empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def members(session: int) -> list[int]:
    """The processes of a session that still run, in order of their pids."""
    pids = sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _session(pid) == str(session) and alive(pid)]


def _session(pid: int) -> str | None:
    fields = stat_fields(pid)
    return fields[3] if fields else None
