"""Processes bound far from their device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.devices import Device, DeviceProcess
from vmon_plugin_topology.checks import machine_checks
from vmon_plugin_topology.devices import with_devices
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_core.records import CompatibilityCheck
    from vmon_testkit.sysfs import SysfsTree

FAR = "0000:81:00.0"  # at NUMA node 1, with CPUs 16-31


def status(cpus: str, parent: int = 1) -> str:
    """What the kernel tells of a process."""
    return f"Name:\tVLLM::Worker_TP1\nPPid:\t{parent}\nCpus_allowed_list:\t{cpus}\n"


def judged(tree: SysfsTree, pids: tuple[int, ...], server: int | None = None) -> list[CompatibilityCheck]:
    """What is said of processes on the GPU."""
    devices = [Device(kind="nvidia", index=0, pci=FAR, processes=tuple(map(DeviceProcess, pids)))]
    topology = with_devices(read_sysfs(tree.root), devices)
    found = machine_checks(topology, devices, server=server, root=tree.root)
    return [check for check in found if check.code == "topology.worker_numa"]


def test_bound_to_the_far_node(tmp_path: Path) -> None:
    """The process, the GPU and both places are named."""
    tree = sysfs.two_sockets(tmp_path).write({"proc/70/status": status("0-15"), "proc/71/status": status("16-31")})
    (check,) = judged(tree, (70, 71))
    assert check.verdict == "warning"
    assert check.evidence == ("VLLM::Worker_TP1 (pid 70) on GPU0, which is at NUMA node 1, may only use CPUs 0-15",)
    assert "--numa-bind" in check.fix


@pytest.mark.parametrize("cpus", ["0-31", "16-31", "15-16"])
def test_not_bound_far(tmp_path: Path, cpus: str) -> None:
    """One processor near by is enough: the kernel may move the process there."""
    (check,) = judged(sysfs.two_sockets(tmp_path).write({"proc/70/status": status(cpus)}), (70,))
    assert check.verdict == "ok"


@pytest.mark.parametrize("text", ["", "Cpus_allowed_list:\t\n", "Cpus_allowed_list:\t9-1\n", "garbage"])
def test_process_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """It is in another container, or gone: nothing is said."""
    assert judged(sysfs.two_sockets(tmp_path).write({"proc/70/status": text}), (70, 99)) == []


def test_gpu_at_an_unknown_place(tmp_path: Path) -> None:
    """Nothing is far from it."""
    tree = sysfs.virtual_machine(tmp_path).write({"proc/70/status": status("0")})
    devices = [Device(kind="nvidia", index=0, pci="0001:00:00.0", processes=(DeviceProcess(70),))]
    found = machine_checks(with_devices(read_sysfs(tree.root), devices), devices, root=tree.root)
    assert "topology.worker_numa" not in {check.code for check in found}


def test_only_processes_of_a_server(tmp_path: Path) -> None:
    """Those of others on the same GPU are their business; parents in a circle end."""
    files = {
        "proc/70/status": status("0-15", 60),
        "proc/60/status": status("0-15", 50),
        "proc/80/status": status("0-15", 80),
    }
    tree = sysfs.two_sockets(tmp_path).write(files)
    (check,) = judged(tree, (70, 80), server=50)
    assert check.summary == "1 of 1 processes are bound to processors far from their device"
    assert judged(tree, (80,), server=50) == []


def test_one_numa_node(tmp_path: Path) -> None:
    """Nothing is far."""
    tree = sysfs.single_gpu(tmp_path).write({"proc/70/status": status("0")})
    devices = [Device(kind="nvidia", index=0, pci="0000:01:00.0", processes=(DeviceProcess(70),))]
    found = machine_checks(with_devices(read_sysfs(tree.root), devices), devices, root=tree.root)
    assert "topology.worker_numa" not in {check.code for check in found}
