"""The processes that hold memory of a GPU, and whether they belong to the server."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.devices import DeviceProcess
from vmon_plugin_nvidia.metrics import labels_of, sample
from vmon_plugin_nvidia.sources import is_blank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample
    from vmon_plugin_nvidia.gpu import Gpu

_FIRST_NAMESPACE = "pid:[4026531836]"
"""The kernel's own pid namespace (`PROC_PID_INIT_INO`), whose pids the driver tells."""

_DEEPEST = 64
"""Parents that are followed at most; a cycle that never ends would be a defect of /proc."""

_LISTS = (
    ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"),
    ("nvmlDeviceGetMPSComputeRunningProcesses_v3", "nvmlDeviceGetMPSComputeRunningProcesses_v2"),
)
"""Processes and clients of MPS; older drivers have only the older function."""

SERVER, OTHER, UNKNOWN = "server", "other", "unknown"


def processes_of(gpu: Gpu) -> list[DeviceProcess]:
    """Who holds memory of a GPU or MIG instance; on a GPU with MIG on, the processes of all its instances."""
    found: dict[int, DeviceProcess] = {}
    for versions in _LISTS:
        answers = (gpu.ask(function) for function in versions)
        for process in next((answer for answer in answers if answer is not None), ()):
            memory = process.usedGpuMemory
            told = None if memory is None or is_blank(memory) else int(memory)
            found.setdefault(int(process.pid), DeviceProcess(int(process.pid), told))
    return list(found.values())


def process_samples(gpu: Gpu, owners: Owners, now: float) -> Iterator[Sample]:
    """The memory of each process; the label `owner` says whose it is: `server`, `other` or `unknown`."""
    for process in processes_of(gpu):
        if process.memory_bytes is not None:
            labels = (("owner", owners.owner(process.pid)), ("pid", str(process.pid)))
            yield sample("gpu.process.memory", process.memory_bytes, now, labels_of(gpu.label, labels))


class Owners:
    """Tells whether a process belongs to a server: descends from its main process, or is in the session that it leads.

    The driver tells pids of the kernel's first pid namespace. In a container with a namespace of its own they mean
    nothing, or another process; there, a process is the server's only when it also holds one of NVIDIA's device files
    open.

    Args:
        server: the pid of the server's main process, None where it is not known.
        proc: where the process file system is.
    """

    def __init__(self, server: int | None, proc: Path = Path("/proc")) -> None:
        self._server = server
        self._proc = proc
        self._known: dict[tuple[int, int], str] = {}

    def owner(self, pid: int) -> str:
        """Whose a process is; one that was the server's stays its own when it outlives its parents."""
        status = self._stat(pid)
        if self._server is None or status is None:
            return UNKNOWN
        key = (pid, status[2])
        if key not in self._known:
            answer = self._find(pid)
            if answer == UNKNOWN:
                return answer
            self._known[key] = answer
        return self._known[key]

    def _find(self, pid: int) -> str:
        related = self._related(pid)
        if self._same_pids:
            return SERVER if related else OTHER
        return SERVER if related and self._uses_gpu(pid) else UNKNOWN

    @cached_property
    def _same_pids(self) -> bool:
        try:
            return str((self._proc / "self/ns/pid").readlink()) == _FIRST_NAMESPACE
        except OSError:
            return False

    def _related(self, pid: int) -> bool:
        for _ in range(_DEEPEST):
            if pid == self._server:
                return True
            status = self._stat(pid)
            if status is None or pid <= 1:
                return False
            if status[1] == self._server:
                return True
            pid = status[0]
        return False

    def _stat(self, pid: int) -> tuple[int, int, int] | None:
        """Parent, session and start time of a process; None for one that is not here."""
        try:
            text = (self._proc / str(pid) / "stat").read_text(errors="replace")
            fields = text.rpartition(")")[2].split()
            return int(fields[1]), int(fields[3]), int(fields[19])
        except (OSError, ValueError, IndexError):
            return None

    def _uses_gpu(self, pid: int) -> bool:
        try:
            return any(
                str(each.readlink()).startswith("/dev/nvidia") for each in (self._proc / str(pid) / "fd").iterdir()
            )
        except OSError:
            return False
