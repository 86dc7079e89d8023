"""The memory of devices that processes leave behind: looked up with the drivers, and waited for.

A driver takes a dead process' memory back after a moment that grows with its size; what it still holds after that is
lost to the next start.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vmon_core.lifecycle.capture.files import read

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vmon_core.devices import Inventory

STEP = 0.2
"""Seconds between two looks; a driver answers in milliseconds, and takes memory back in tenths of a second."""

FIRST_NAMESPACE = "pid:[4026531836]"
"""The machine's own PID namespace: `PROC_PID_INIT_INO` of Linux' `include/linux/proc_ns.h`. Drivers count in it."""


class Look(Protocol):
    """A look at the devices that is on its way."""

    def told(self, patience: float) -> Inventory | None:
        """What was told, None when nothing came within `patience` seconds."""


def held(inventory: Inventory, pids: Collection[int]) -> int | None:
    """Add up the memory that processes hold on all devices.

    Args:
        inventory: what was told of the devices.
        pids: the processes, numbered as the drivers do.

    Returns:
        Bytes; None where nobody can tell: no device, a plugin without an answer, a lost device, an unknown size.

    >>> from vmon_core.devices import Device, DeviceProcess, Inventory
    >>> device = Device(kind="nvidia", index=0, processes=(DeviceProcess(7, 5), DeviceProcess(8, 1)))
    >>> held(Inventory((device,)), {7}), held(Inventory((device,)), {9}), held(Inventory(), {7})
    (5, 0, None)
    """
    known = bool(inventory.devices) and not inventory.silent
    whole: dict[tuple[str, int, int], int] = defaultdict(int)
    sliced: dict[tuple[str, int, int], int] = defaultdict(int)
    for device in inventory.devices:
        known = known and not device.lost
        for process in device.processes:
            if process.pid in pids:
                known = known and process.memory_bytes is not None
                place = whole if device.instance is None else sliced
                place[device.kind, device.index, process.pid] += process.memory_bytes or 0
    # A driver may list a process with its instance and once more with the whole device.
    total = sum(max(whole[key], sliced[key]) for key in {*whole, *sliced})
    return total or (0 if known else None)


def numbers_agree(pids: Collection[int], seen: Collection[int], namespace: str | None = None) -> bool:
    """Whether drivers number processes as we do; in a container they may not, and then a pid proves nothing.

    Args:
        pids: the server's processes, numbered as we do.
        seen: the processes that drivers told of during the server's life.
        namespace: our PID namespace, None to look.
    """
    ours = namespace if namespace is not None else _namespace()
    return ours == FIRST_NAMESPACE or not set(pids).isdisjoint(seen)


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (a link of /proc is text, not a path to follow)
    except OSError:
        return ""


def without_living(pids: Collection[int], proc: Path = Path("/proc")) -> frozenset[int]:
    """Leave out numbers of processes that live: when all of a server have ended, those are others' by now."""
    return frozenset(pid for pid in pids if not _lives(proc / str(pid) / "stat"))


def _lives(stat: Path) -> bool:
    state = read(stat).rpartition(")")[2].split()[:1]
    return bool(state) and state[0] not in ("Z", "X")


class DeviceMemory:
    """Waits until the devices have taken back what processes held.

    Args:
        look: begins to look at the devices.
        pids: tells the processes, all of which have ended; None when nobody knows how the drivers number them.
        patience: seconds to wait for the drivers at most.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        look: Callable[[], Look],
        pids: Callable[[], Collection[int] | None],
        patience: float,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._look = look
        self._pids = pids
        self._patience = patience
        self._clock = clock

    def left(self, wait: Callable[[float], object]) -> int | None:
        """What is still held in the end, in bytes; None when it cannot be told.

        Args:
            wait: pauses for some seconds.
        """
        pids = self._pids()
        if not pids:
            return None
        end = self._clock() + self._patience
        left: int | None = None
        while (told := self._told(end, wait)) is not None:
            left = held(told, pids)
            if not left or self._clock() >= end:
                break
            wait(STEP)
        return left

    def _told(self, end: float, wait: Callable[[float], object]) -> Inventory | None:
        """The answer of one look; None when the time is over before it comes."""
        look = self._look()
        told = look.told(STEP)
        while told is None and self._clock() < end:
            wait(STEP)
            told = look.told(0.0)
        return told
