"""Direct reads of /proc: three or four system calls a question, because they are asked every second.

Everything here tolerates that a process vanishes between two reads, or that it may not be read: the answer is then
None or empty, never an exception.
"""

from __future__ import annotations

import functools
import os
import time

import attrs

START_TOLERANCE = 2.0
"""Seconds by which two readings of one start time may differ.

The kernel gives the boot time in whole seconds, and it moves by one when the clock is trimmed.
"""

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ENDED = frozenset("ZXx")
_FIELDS = 22
_CHUNK = 1 << 16
_LIMIT = 1 << 20
"""Bytes read at most of one file; a command line or environment can be two megabytes long."""
_MAPS_LIMIT = 1 << 26


@attrs.frozen(kw_only=True)
class Stat:
    """What /proc/PID/stat says, as far as vmon needs it.

    Attributes:
        comm: the short name, at most 15 bytes.
        state: the kernel's letter.
        session: the session id: the pid of the process that called setsid.
        cpu_seconds: user and system time of all its threads.
        start_ticks: its start in clock ticks after boot; with the pid it identifies the process until the next boot.
    """

    pid: int
    comm: str
    state: str
    parent: int
    session: int
    cpu_seconds: float
    threads: int
    start_ticks: int
    rss_bytes: int

    @property
    def ended(self) -> bool:
        """Whether it is a zombie or dead already."""
        return self.state in _ENDED


def parse_stat(content: bytes) -> Stat | None:
    """Read the content of /proc/PID/stat; proc(5) describes the fields.

    Args:
        content: the file's bytes. The short name stands in parentheses and may itself hold blanks and parentheses.

    Returns:
        The record, None when the content is not of that form.

    >>> tail = b"S 1 7 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 3 0 900 4096 10"
    >>> parse_stat(b"7 (a) b (c) " + tail).comm
    'a) b (c'
    """
    head, opened, rest = content.partition(b"(")
    comm, closed, tail = rest.rpartition(b")")
    fields = tail.split()
    if not (opened and closed) or len(fields) < _FIELDS:
        return None
    try:
        return Stat(
            pid=int(head),
            comm=comm.decode(errors="replace"),
            state=fields[0].decode("ascii"),
            parent=int(fields[1]),
            session=int(fields[3]),
            cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
            threads=int(fields[17]),
            start_ticks=int(fields[19]),
            rss_bytes=int(fields[21]) * _PAGE,
        )
    except ValueError:
        return None


class ProcFS:
    """A process table.

    Args:
        root: where it is mounted; tests give a folder that looks like one.
    """

    def __init__(self, root: str | os.PathLike[str] = "/proc") -> None:
        self.root = os.fspath(root)

    def pids(self) -> list[int]:
        """All process ids that are visible here, in no particular order."""
        try:
            return [int(name) for name in os.listdir(self.root) if name.isdecimal()]  # noqa: PTH208 (runs every second)
        except OSError:
            return []

    def stat(self, pid: int) -> Stat | None:
        """The state of process `pid`, None when there is no such process."""
        return parse_stat(self._read(f"{pid}/stat"))

    def arguments(self, pid: int) -> tuple[str, ...]:
        """Its command line, or its title as one argument; empty while it dies, for a zombie and a kernel thread."""
        content = self._read(f"{pid}/cmdline").rstrip(b"\0")
        return tuple(part.decode(errors="replace") for part in content.split(b"\0")) if content else ()

    def variable(self, pid: int, name: str) -> str:
        """The value that variable `name` had when the process started.

        Returns:
            The value; "" when it is not set or cannot be read. `setproctitle` overwrites this memory, so vLLM's engine
            cores and workers show no environment.
        """
        wanted = name.encode() + b"="
        for entry in self._read(f"{pid}/environ").split(b"\0"):
            if entry.startswith(wanted):
                return entry[len(wanted) :].decode(errors="replace")
        return ""

    def links(self, pid: int) -> tuple[str, ...]:
        """The files that it has open, as paths; empty when they may not be read."""
        folder = f"{self.root}/{pid}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 (bytes and pathlib cost more than the call)
        except OSError:
            return ()
        return tuple(filter(None, (_link(f"{folder}/{name}") for name in names)))

    def link(self, pid: int, descriptor: int) -> str:
        """The path behind one file descriptor, "" when it cannot be read."""
        return _link(f"{self.root}/{pid}/fd/{descriptor}")

    def maps(self, pid: int) -> str:
        """Its memory map; "" when it may not be read."""
        return self._read(f"{pid}/maps", _MAPS_LIMIT).decode(errors="replace")

    def started(self, stat: Stat) -> float:
        """The start time of a process in Unix seconds, exact to a clock tick within one `ProcFS`."""
        return self.boot_time + stat.start_ticks / _TICKS

    def is_same(self, stat: Stat, started: float | None) -> bool:
        """Whether a process started at `started` (within `START_TOLERANCE`); an unknown time fits any."""
        return started is None or abs(self.started(stat) - started) <= START_TOLERANCE

    @functools.cached_property
    def boot_time(self) -> float:
        """When the machine started, Unix seconds; read once, so that start times stay comparable."""
        for line in self._read("stat").splitlines():
            if line.startswith(b"btime "):
                return float(line.split()[1])
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def _read(self, name: str, limit: int = _LIMIT) -> bytes:
        try:
            descriptor = os.open(f"{self.root}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return _read_up_to(descriptor, limit)
        except OSError:  # the process vanished between open and read (ESRCH), or may not be looked into
            return b""
        finally:
            os.close(descriptor)


def _read_up_to(descriptor: int, limit: int) -> bytes:
    """Read to the end or to `limit`; a file of /proc may hand itself out in pieces of any size."""
    parts, left = [], limit
    while left > 0 and (part := os.read(descriptor, min(left, _CHUNK))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 (a link of /proc is text, not a path to follow)
    except OSError:
        return ""
