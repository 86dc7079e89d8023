"""Xids in the kernel log: reading `/dev/kmsg` without waiting, and finding what the NVIDIA driver says there."""

from __future__ import annotations

import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_plugin_nvidia.events.sighting import FALLEN_OFF, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORD = 8192
"""Bytes of the longest record that the kernel gives; a shorter buffer makes the read fail (CONSOLE_EXT_LOG_MAX)."""

MOST_RECORDS = 10_000
"""Records read in one go: a flood of messages must not hold up the collector; the rest is read the next time."""

_PREFIX = re.compile(r"\d+,\d+,(?P<microseconds>\d+),[^;]*;")
_PCI = r"(?:PCI:)?(?P<pci>[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})(?:\.[0-7])?"
_XID = re.compile(rf"NVRM: Xid \({_PCI}\): (?P<code>\d{{1,6}})(?P<rest>.*)")
_PID = re.compile(r"\bpid=(?P<pid>\d{1,9})")
_GPU = re.compile(rf"NVRM: .*\bGPU (?:at )?{_PCI}")
_LOST = re.compile(r"NVRM: .*fallen off the bus")
_MESSAGE = 200
"""Characters of a message that are kept."""

_UNNUMBERED = "kernel log, without a number"
"""A source of its own: the same fall is often told with its number, too, and must not count twice."""


class KernelLog:
    """Reads what is added to the kernel log from now on.

    Args:
        path: the log; a log file does as well, also one that is rotated.
        clock: tells the time in Unix seconds.

    Attributes:
        trouble: why it cannot be read, in words; "" while it can.
    """

    def __init__(self, path: str = "/dev/kmsg", *, clock: Callable[[], float] = time.time) -> None:
        self.trouble = ""
        self._clock = clock
        self._rest = b""
        self._parser = Parser()
        self._read_at = clock()
        self._fd: int | None = None
        self._path = path
        try:
            self._fd = self._opened()
            os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as error:
            self._give_up(f"the kernel log {path} cannot be read: {error.strerror}")

    def read(self) -> list[Sighting]:
        """The Xids that were logged since the last time, each with the kernel's own time."""
        since, self._read_at = self._read_at, self._clock()
        with suppress(OSError):  # it may be away for a moment; what was open is read on meanwhile
            self._follow()
        found = []
        for line in self._lines():
            sighting = self._parser.feed(line, since, self._read_at)
            if sighting is not None:
                found.append(sighting)
        return found

    def close(self) -> None:
        """Let go of the log."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _opened(self) -> int:
        return os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def _follow(self) -> None:
        """Begin at the top of a log file that was rotated: cut short, or replaced. The kernel's own log never is."""
        if self._fd is None or not stat.S_ISREG((ours := os.fstat(self._fd)).st_mode):
            return
        place = os.lseek(self._fd, 0, os.SEEK_CUR)
        if place == ours.st_size and not os.path.samestat(ours, Path(self._path).stat()):
            fresh = self._opened()
            os.close(self._fd)
            self._fd, self._rest = fresh, b""
        elif place > ours.st_size:
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._rest = b""

    def _lines(self) -> Iterator[str]:
        for _ in range(MOST_RECORDS):
            data = self._record()
            if not data:
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._rest = self._rest[:RECORD]
            for line in lines:
                yield line.decode("utf-8", "replace")

    def _record(self) -> bytes:
        while self._fd is not None:
            try:
                return os.read(self._fd, RECORD)
            except BlockingIOError:
                return b""
            except BrokenPipeError:
                continue  # records were overwritten before they were read; the next read goes on behind them
            except OSError as error:
                self._give_up(f"the kernel log cannot be read any more: {error.strerror}")
        return b""

    def _give_up(self, why: str) -> None:
        self.trouble = why
        with suppress(OSError):
            self.close()


class Parser:
    """Finds Xids in lines; remembers which GPU the driver spoke of, since one message may span several lines."""

    def __init__(self) -> None:
        self._spoken_of = ""

    def feed(self, line: str, since: float, now: float) -> Sighting | None:
        """Look at one line.

        Args:
            line: as `/dev/kmsg` gives it, or a message alone.
            since: when the log was read before, Unix seconds: no line can be older.
            now: the moment.

        Returns:
            What it tells of an Xid, None for any other line.

        >>> seen = Parser().feed("3,99,5,-;NVRM: Xid (PCI:0000:3b:00): 31, pid=77, name=python3, MMU Fault", 8.0, 9.0)
        >>> seen.pci, seen.code, seen.pid
        ('0000:3b:00.0', 31, 77)
        """
        prefix = _PREFIX.match(line)
        message = line[prefix.end() :] if prefix else line
        if "NVRM: " not in message:
            return None
        moment = _moment(int(prefix["microseconds"]) / 1e6, since, now) if prefix else now
        xid = _XID.search(message)
        if xid is not None:
            detail = xid["rest"].lstrip(", ")[:_MESSAGE]
            pid = _PID.search(detail)
            code = int(xid["code"])
            return Sighting(pci_of(xid["pci"]), code, moment, "kernel log", detail, int(pid["pid"]) if pid else None)
        return self._fallen_off(message, moment)

    def _fallen_off(self, message: str, moment: float) -> Sighting | None:
        """A GPU may fall off the bus without an Xid; the driver says that in one line, or in three."""
        gpu = _GPU.search(message)
        if gpu is not None:
            self._spoken_of = pci_of(gpu["pci"])
        if not _LOST.search(message):
            return None
        return Sighting(self._spoken_of, FALLEN_OFF, moment, _UNNUMBERED, message.strip()[:_MESSAGE])


def pci_of(address: str) -> str:
    """Write an address as `Device.pci` does.

    >>> pci_of("00000000:3B:00"), pci_of("0000:3b:00.0")
    ('0000:3b:00.0', '0000:3b:00.0')
    """
    domain, bus, slot = address.lower().split(":")
    return f"{domain[-4:].rjust(4, '0')}:{bus}:{slot if '.' in slot else f'{slot}.0'}"


def _moment(seconds: float, since: float, now: float) -> float:
    """The kernel counts seconds since boot, by a clock that may stand still in a suspension."""
    return min(max(now - (time.monotonic() - seconds), since), now)
