"""How long it takes to read a machine of eight GPUs, against a walk over all of `sys/devices`.

The tree is one of plain files; the kernel's own may answer slower, where devices sleep. Beside the devices that matter
it has as many others as such machines have, each with files like those that the kernel gives a PCI device.

Run: python benchmarks/topology.py
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_plugin_topology.checks import machine_checks
from vmon_plugin_topology.matrix import matrix
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 30
OTHERS = 250
FILES = (
    *("ari_enabled", "broken_parity_status", "consistent_dma_mask_bits", "d3cold_allowed", "dma_mask_bits", "enable"),
    *("irq", "modalias", "msi_bus", "resource", "revision", "subsystem_device", "subsystem_vendor", "uevent"),
    *("power/control", "power/runtime_status", "power/wakeup", "link/l1_aspm", "aer_dev_correctable", "aer_dev_fatal"),
)


def tree(root: Path) -> Path:
    """A large box."""
    box = sysfs.dgx(root)
    for number in range(OTHERS):
        device = {"class": "0x088000", "vendor": "0x8086", "device": "0x09a2"}
        box.pci(
            f"pci0000:{number % 8 + 1}0/0000:{number % 8 + 1}0:{number // 8 % 32:02x}.{number // 256 + 4}",
            device,
            numa=0,
        )
    for device in (root / "sys/bus/pci/devices").iterdir():
        for name in FILES:
            (device / name).parent.mkdir(exist_ok=True)
            (device / name).write_text("0")
    return root


def walk(root: Path) -> None:
    """Read every file below `sys/devices`: what one would do who does not know what matters."""
    for folder, _, names in os.walk(root / "sys/devices"):
        for name in names:
            try:
                Path(folder, name).read_bytes()
            except OSError:
                continue


def milliseconds(what: str, work: Callable[[], object]) -> float:
    """Print the median time, and the longest."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    print(f"{what:44} {statistics.median(taken):8.1f} ms, at most {max(taken):.1f} ms")
    return statistics.median(taken)


def main() -> None:
    """Measure reading, the matrix, advice, and the walk."""
    with tempfile.TemporaryDirectory() as folder:
        root = tree(Path(folder))
        machine = read_sysfs(root)
        functions = len(list((root / "sys/bus/pci/devices").iterdir()))
        print(f"{functions} PCI functions, {len(machine.nodes)} nodes in the graph")
        reading = milliseconds("read the topology", lambda: read_sysfs(root))
        milliseconds("matrix of 8 GPUs and 8 network cards", lambda: matrix(machine))
        milliseconds("advice for the machine", lambda: list(machine_checks(machine, (), root=root)))
        walking = milliseconds("walk over all of sys/devices", lambda: walk(root))
        print(f"reading takes {reading / walking:.2f} of the walk, and {reading:.0f} of its 100 ms")


if __name__ == "__main__":
    main()
