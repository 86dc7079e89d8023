"""What a process holds, so that what a plugin left behind can be named: threads, open files and child processes."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

import attrs

GRACE = 2.0
"""Seconds that a stopped plugin has to let go: a thread that was told to end needs a moment to do so."""

_PAUSE = 0.01
_SELF = Path("/proc/self")


@attrs.frozen
class Holdings:
    """What this process holds at one moment."""

    threads: frozenset[threading.Thread]
    files: frozenset[str]
    children: frozenset[str]

    @classmethod
    def now(cls) -> Holdings:
        """Look; where there is no `/proc`, only threads are seen."""
        return cls(frozenset(threading.enumerate()), _files(), _children())

    def since(self, before: Holdings) -> list[str]:
        """Name what was not held before."""
        threads = [f"thread {thread.name}" for thread in self.threads - before.threads]
        files = [f"open file {name}" for name in self.files - before.files]
        return sorted([*threads, *files, *(f"child process {pid}" for pid in self.children - before.children)])


def left_behind(before: Holdings, grace: float = GRACE) -> list[str]:
    """Wait until all that came since is gone again.

    Args:
        before: what was held before.
        grace: seconds to wait.

    Returns:
        What is still held after that time; empty as soon as there is nothing.
    """
    end = time.monotonic() + grace
    while (left := Holdings.now().since(before)) and time.monotonic() < end:
        time.sleep(_PAUSE)
    return left


def _files() -> frozenset[str]:
    found = []
    for descriptor in _SELF.glob("fd/*"):
        with suppress(OSError):  # the listing's own descriptor is closed by now
            found.append(f"{descriptor.name}: {descriptor.readlink()}")
    return frozenset(found)


def _children() -> frozenset[str]:
    found: set[str] = set()
    for children in _SELF.glob("task/*/children"):
        with suppress(OSError):  # a thread that has just ended
            found.update(children.read_text(encoding="ascii").split())
    return frozenset(found)
