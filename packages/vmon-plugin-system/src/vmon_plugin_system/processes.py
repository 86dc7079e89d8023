"""The processes of a server: its main process and all that descend from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
import psutil

from vmon_plugin_system.metrics import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.records import Sample

_KERNEL_NAME = 15
"""Characters of the kernel's short names; psutil adds more of the command line, which may hold secrets."""

_VLLM_TITLE = re.compile(r"\w*VLLM::\w{1,64}")


@attrs.frozen
class _Known:
    """A process that was found before, and the short name that its samples carry."""

    process: psutil.Process
    name: str


class Processes:
    """Measures the processes of a server; those that vanish while they are read are left out.

    A process that was seen once is followed to its end, even when it outlives its parents.

    Args:
        limit: processes to follow at most.
        tree_interval: seconds between two looks for new ones.
    """

    def __init__(self, limit: int, tree_interval: float) -> None:
        self._limit = limit
        self._tree_interval = tree_interval
        self._known: dict[int, _Known] = {}
        self._looked = float("-inf")

    def samples(self, pid: int, now: float) -> list[Sample]:
        """Measure every process.

        Args:
            pid: the server's main process.
            now: the present, Unix seconds.
        """
        self._known = {key: known for key, known in self._known.items() if known.process.is_running()}
        if pid not in self._known or now - self._looked >= self._tree_interval:
            self._looked = now
            self._find(pid)
        return [found for known in self._known.values() for found in _measure(known, now)]

    def _find(self, pid: int) -> None:
        """Add new processes, and read the names of all: vLLM's processes change theirs while they start."""
        processes = {key: known.process for key, known in self._known.items()}
        for process in _family(pid):
            if len(processes) < self._limit:
                processes.setdefault(process.pid, process)
        self._known = {key: _Known(process, _short_name(process)) for key, process in processes.items()}


def _family(pid: int) -> list[psutil.Process]:
    try:
        main = psutil.Process(pid)
        return [main, *main.children(recursive=True)]
    except psutil.Error:
        return []


def _short_name(process: psutil.Process) -> str:
    """The title that vLLM gives its processes, or the kernel's short name."""
    try:
        title = (process.cmdline() or [""])[0]
        match = _VLLM_TITLE.match(title)
        return match[0] if match else process.name()[:_KERNEL_NAME]
    except psutil.Error:
        return ""


def _measure(known: _Known, now: float) -> list[Sample]:
    labels = {"name": known.name, "pid": str(known.process.pid)}
    found: list[Sample] = []
    try:
        with known.process.oneshot():
            for read in _READERS:
                found += [sample(name, value, now, **labels) for name, value in read(known.process).items()]
    except psutil.NoSuchProcess:
        return []
    return found


def _permitted(read: Callable[[psutil.Process], dict[str, float]]) -> Callable[[psutil.Process], dict[str, float]]:
    """Let a reader answer with nothing where the figure may not be read, or does not exist."""

    def reader(process: psutil.Process) -> dict[str, float]:
        try:
            return read(process)
        except (psutil.AccessDenied, OSError, NotImplementedError):
            return {}

    return reader


@_permitted
def _cpu(process: psutil.Process) -> dict[str, float]:
    times = process.cpu_times()
    return {"process.cpu.seconds": times.user + times.system}


@_permitted
def _memory(process: psutil.Process) -> dict[str, float]:
    return {"process.memory.rss": process.memory_info().rss}


@_permitted
def _threads(process: psutil.Process) -> dict[str, float]:
    return {"process.threads": process.num_threads()}


@_permitted
def _files(process: psutil.Process) -> dict[str, float]:
    return {"process.files.open": process.num_fds()}


@_permitted
def _io(process: psutil.Process) -> dict[str, float]:
    counters = process.io_counters()
    return {"process.io.read": counters.read_bytes, "process.io.written": counters.write_bytes}


_READERS = (_cpu, _memory, _threads, _files, _io)
