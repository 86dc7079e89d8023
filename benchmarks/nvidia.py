"""What watching 8 GPUs each second costs the plugin's process, beside a program that asks NVML for one value a call.

The GPUs are the testkit's fake ones with 18 NVLinks each, so this is the cost of the Python side and of crossing to
vmon; a real driver adds its own. The obvious alternative, as many tools do it, reads the same figures by one call of
`pynvml` each, and does nothing with them.

Run: python benchmarks/nvidia.py [SECONDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil

from vmon_core.host.child.contract import Order
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.resolution.records import Candidate
from vmon_core.records import Target, Tick
from vmon_testkit.nvml import FakeNvml, Process, dgx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTLE_SECONDS = 3.0
GOAL = "goal: <= 0.5 % of a core, <= 25 MB"

NAIVE = """
import time
from pynvml import *
nvmlInit()
gpus = [nvmlDeviceGetHandleByIndex(i) for i in range(nvmlDeviceGetCount())]
policies, fields = range(6), (138, 139, 161, 162, 163)
while True:
    found = {}
    for i, gpu in enumerate(gpus):
        found[i] = [
            nvmlDeviceGetUtilizationRates(gpu).gpu, nvmlDeviceGetUtilizationRates(gpu).memory,
            nvmlDeviceGetMemoryInfo(gpu).total, nvmlDeviceGetMemoryInfo(gpu).used, nvmlDeviceGetMemoryInfo(gpu).free,
            nvmlDeviceGetTemperature(gpu, 0), nvmlDeviceGetPowerUsage(gpu), nvmlDeviceGetEnforcedPowerLimit(gpu),
            nvmlDeviceGetTotalEnergyConsumption(gpu), nvmlDeviceGetCurrentClocksEventReasons(gpu),
            *(nvmlDeviceGetClockInfo(gpu, n) for n in (1, 2)), *(nvmlDeviceGetMaxClockInfo(gpu, n) for n in (1, 2)),
            *(nvmlDeviceGetViolationStatus(gpu, n).violationTime for n in policies),
            nvmlDeviceGetCurrPcieLinkGeneration(gpu), nvmlDeviceGetCurrPcieLinkWidth(gpu),
            nvmlDeviceGetMaxPcieLinkGeneration(gpu), nvmlDeviceGetMaxPcieLinkWidth(gpu),
            nvmlDeviceGetPcieReplayCounter(gpu),
            *(nvmlDeviceGetTotalEccErrors(gpu, k, s) for k in (0, 1) for s in (0, 1)), nvmlDeviceGetRemappedRows(gpu),
            [nvmlDeviceGetFieldValues(gpu, [82])[0].value.ullVal],
            [nvmlDeviceGetNvLinkState(gpu, n) for n in range(18)],
            [nvmlDeviceGetFieldValues(gpu, [(f, n)])[0].value.ullVal for n in range(18) for f in fields],
            [(nvmlSystemGetDriverVersion(), p.pid, p.usedGpuMemory) for p in nvmlDeviceGetComputeRunningProcesses(gpu)],
        ]
    time.sleep(1)
"""


def cost(pid: int, seconds: float, each_second: Callable[[], Any] = lambda: None) -> tuple[float, float]:
    """The share of a core in per cent, and the resident memory in MB, of a process."""
    process = psutil.Process(pid)
    before, end = sum(process.cpu_times()[:2]), time.monotonic() + seconds
    while time.monotonic() < end:
        each_second()
        time.sleep(1)
    return (sum(process.cpu_times()[:2]) - before) / seconds * 100, process.memory_info().rss / 1e6


@contextmanager
def child(**table: float) -> Iterator[Any]:
    """The plugin in its process."""
    order = Order(candidate=Candidate(name="nvidia", value="vmon_plugin_nvidia.plugin:plugin"), table=table)
    made: Any = ChildPlugin(order)
    yield made
    made.close()


class _Api:
    """What the plugin asks of vmon when it starts."""

    targets = ()

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder


def main() -> None:
    """Print both, their ratio, and the goal."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    machine = dgx()
    with FakeNvml(machine) as fake:
        for gpu in range(len(machine.gpus)):
            fake.change(gpu=gpu, processes=(Process(os.getpid(), 1 << 30),), utilization=90)
        os.environ.update(fake.environment)
        with subprocess.Popen([sys.executable, "-c", NAIVE]) as naive:
            time.sleep(SETTLE_SECONDS)
            calls = fake.calls
            other = cost(naive.pid, seconds)
            other_calls = (fake.calls - calls) / seconds
            naive.kill()
        with child(interval=1.0) as plugin:
            plugin.vmon_start(_Api(fake.folder))
            plugin.vmon_collect(Tick(time.time(), Target(name="t", pid=os.getpid())))
            time.sleep(SETTLE_SECONDS)
            calls = fake.calls
            tick = lambda: plugin.vmon_collect(Tick(time.time(), Target(name="t", pid=os.getpid())))  # noqa: E731 (short)
            ours = cost(plugin.describe()["pid"], seconds, tick)
            our_calls = (fake.calls - calls) / seconds
    print(f"{'':24}   core      memory    NVML calls/s")
    print(f"{'vmon-plugin-nvidia':24} {ours[0]:6.2f} %  {ours[1]:6.1f} MB  {our_calls:8.0f}")
    print(f"{'one call a value':24} {other[0]:6.2f} %  {other[1]:6.1f} MB  {other_calls:8.0f}")
    print(f"{'ratio':24} {ours[0] / other[0]:6.2f}    {ours[1] / other[1]:6.2f}     {our_calls / other_calls:8.2f}")
    print(GOAL)


if __name__ == "__main__":
    main()
