"""How long one measurement takes: `python benchmarks/system.py`."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from vmon_plugin_system.filesystems import Filesystems
from vmon_plugin_system.machine import Machine
from vmon_plugin_system.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 200
CHILDREN = 8


def cost(what: str, measure: Callable[[], object]) -> None:
    """Print the median of the processor and wall time that a measurement takes."""
    wall, processor = [], []
    for _ in range(ROUNDS):
        began, began_processor = time.perf_counter(), time.process_time()
        measure()
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - began_processor)
    print(f"{what:32} {statistics.median(processor) * 1e3:7.3f} ms CPU {statistics.median(wall) * 1e3:7.3f} ms wall")


def main() -> None:
    """Measure the machine, its file systems and a family of processes."""
    machine, filesystems, me = Machine(), Filesystems(["/", "/dev/shm", "/tmp"]), os.getpid()  # noqa: S108 (measured)
    cost("machine", lambda: machine.samples(0.0))
    cost("file systems", lambda: filesystems.samples(0.0))
    children = [subprocess.Popen(["/bin/sleep", "60"]) for _ in range(CHILDREN)]
    try:
        known, looking = Processes(64, float("inf")), Processes(64, 0.0)
        known.samples(me, 0.0)
        cost(f"{CHILDREN + 1} processes", lambda: known.samples(me, 0.0))
        cost(f"  and a look at {len(psutil.pids())} processes", lambda: looking.samples(me, 0.0))
    finally:
        for child in children:
            child.kill()
            child.wait()


if __name__ == "__main__":
    main()
