"""The machine as a whole."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from vmon_plugin_system.metrics import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample

UNREADABLE = (OSError, psutil.Error, RuntimeError, ValueError, LookupError)
"""What psutil and the kernel's files raise where a figure does not exist: it is then absent."""

_SOME = re.compile(r"some avg10=(\d+\.\d+)")
_LOOPBACK = "lo"


class Machine:
    """Measures the machine; what cannot be read is left out.

    Args:
        root: where `proc` and `sys` are found, for the figures that psutil does not read.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._cpu: tuple[float, float] | None = None
        self._cards: dict[str, bool] = {}
        self._readers = (
            *(self._usage, self._pressure, self._memory, self._swap),
            *(self._disks, self._network, self._load, self._files),
        )

    def samples(self, now: float) -> list[Sample]:
        """Read everything that there is."""
        found: list[Sample] = []
        for read in self._readers:
            try:
                found += [sample(name, value, now) for name, value in read()]
            except UNREADABLE:
                continue
        return found

    def _usage(self) -> Iterator[tuple[str, float]]:
        """Compare with the last time, so that the first measurement gives none; waiting for disks is not use."""
        times = psutil.cpu_times()
        total = sum(times) - times.guest - times.guest_nice  # those two are part of user and nice: proc(5)
        idle = times.idle + times.iowait
        before, self._cpu = self._cpu, (total, idle)
        if before is not None and total > before[0]:
            busy = 1 - (idle - before[1]) / (total - before[0])
            yield "system.cpu.usage", min(1.0, max(0.0, busy))

    def _pressure(self) -> Iterator[tuple[str, float]]:
        """Pressure stall information: Documentation/accounting/psi.rst of the Linux kernel."""
        match = _SOME.match((self._root / "proc/pressure/cpu").read_text())
        if match:
            yield "system.cpu.pressure", float(match[1]) / 100

    def _memory(self) -> Iterator[tuple[str, float]]:
        memory = psutil.virtual_memory()
        yield "system.memory.used", memory.used
        yield "system.memory.available", memory.available
        yield "system.memory.total", memory.total

    def _swap(self) -> Iterator[tuple[str, float]]:
        yield "system.swap.used", psutil.swap_memory().used

    def _disks(self) -> Iterator[tuple[str, float]]:
        counters = psutil.disk_io_counters(nowrap=False)
        if counters is not None:
            yield "system.disk.read", counters.read_bytes
            yield "system.disk.written", counters.write_bytes

    def _network(self) -> Iterator[tuple[str, float]]:
        """Add up the cards; bridges and bonds would count their bytes twice, but a container has nothing else."""
        cards = psutil.net_io_counters(pernic=True, nowrap=False)
        others = [name for name in cards if name != _LOOPBACK]
        counted = [name for name in others if self._is_card(name)] or others
        if counted:
            yield "system.network.received", sum(cards[name].bytes_recv for name in counted)
            yield "system.network.sent", sum(cards[name].bytes_sent for name in counted)

    def _is_card(self, name: str) -> bool:
        if name not in self._cards:
            self._cards[name] = (self._root / "sys/class/net" / name / "device").exists()
        return self._cards[name]

    def _load(self) -> Iterator[tuple[str, float]]:
        yield "system.load.1m", os.getloadavg()[0]

    def _files(self) -> Iterator[tuple[str, float]]:
        yield "system.files.open", int((self._root / "proc/sys/fs/file-nr").read_text().split()[0])
