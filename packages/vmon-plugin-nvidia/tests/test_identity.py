"""The records of GPUs, and the facts about the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.devices import DeviceLink, DeviceProcess
from vmon_plugin_nvidia import identity
from vmon_plugin_nvidia.identity import devices, facts
from vmon_testkit.nvml import Gpu, Instance, Link, Process, RemoteKind, Scenario
from vmon_testkit.sysfs import GPU, SysfsTree

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Machine

SMALL = Gpu(name="NVIDIA T4", capability=(7, 5), memory_total=16 << 30)


@pytest.fixture(autouse=True)
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SysfsTree:
    """What the kernel knows of this machine's PCI devices: nothing yet."""
    tree = SysfsTree(tmp_path)
    monkeypatch.setattr(identity, "PCI_DEVICES", tmp_path / "sys/bus/pci/devices")
    return tree


def test_record_of_a_gpu(machine: Machine) -> None:
    """Everything that others need to know of it."""
    link = Link(remote="00000000:C1:00.0", remote_kind=RemoteKind.SWITCH)
    gpu = Gpu(links=(link,), processes=(Process(41, 5), Process(42)), memory_used=30 << 30)
    fake, driver = machine(Scenario(gpus=(gpu, SMALL)))
    first, second = devices(driver, driver.ready(0.0, 10.0))
    assert (first.name, first.uuid, first.pci) == ("nvidia:0", fake.uuid(0), "0000:10:00.0")
    assert (first.capability, first.driver, first.runtime) == ("9.0", "580.95.05", "13.0")
    assert first.memory_bytes == 80 << 30
    assert first.memory_free_bytes == (50 << 30) - (600 << 20)
    assert first.processes == (DeviceProcess(41, 5), DeviceProcess(42))
    remote = "0000:c1:00.0"
    assert first.links == (DeviceLink(kind="nvlink", index=0, remote=remote, remote_kind="switch", version="4"),)
    assert (second.model, second.pci) == ("NVIDIA T4", "0000:11:00.0")


def test_numa_node_is_the_one_that_the_gpu_is_attached_to(machine: Machine, sysfs: SysfsTree) -> None:
    """The kernel knows it, by the PCI address; a virtual machine tells -1, and what is not told is not known."""
    sysfs.pci("pci0000:10/0000:10:00.0", GPU, numa=0).pci("pci0000:11/0000:11:00.0", GPU, numa=1)
    sysfs.pci("pci0000:12/0000:12:00.0", GPU, numa=-1).write({"sys/bus/pci/devices/0000:13:00.0/numa_node": "?"})
    part = Instance(gpu_instance=7)
    _, driver = machine(Scenario(gpus=(Gpu(instances=(part,)), Gpu(), Gpu(), Gpu(), Gpu())))
    found = {device.name: device.numa_node for device in devices(driver, driver.ready(0.0, 10.0))}
    told = {"nvidia:0": 0, "nvidia:0.0": None, "nvidia:1": 1}
    assert found == {**told, "nvidia:2": None, "nvidia:3": None, "nvidia:4": None}


def test_instances_follow_their_gpu(machine: Machine) -> None:
    """With their parent's UUID and processes of their own."""
    parts = (Instance(gpu_instance=7), Instance(gpu_instance=9))
    fake, driver = machine(Scenario(gpus=(Gpu(instances=parts, processes=(Process(41, 5, 9),)),)))
    whole, first, second = devices(driver, driver.ready(0.0, 10.0))
    assert [each.name for each in (whole, first, second)] == ["nvidia:0", "nvidia:0.0", "nvidia:0.1"]
    assert first.parent == second.parent == fake.uuid(0)
    assert (first.processes, second.processes) == ((), (DeviceProcess(41, 5),))
    assert second.memory_bytes == 10 << 30


def test_lost_gpu_keeps_its_name(machine: Machine) -> None:
    """What was known of it is known still."""
    fake, driver = machine(Scenario())
    gpus = driver.ready(0.0, 10.0)
    list(devices(driver, gpus))
    fake.change(0, lost=True)
    (device,) = devices(driver, gpus)
    assert (device.lost, device.uuid, device.memory_bytes) == (True, fake.uuid(0), None)


def test_gpu_that_was_never_there(machine: Machine) -> None:
    """It has nothing but a number."""
    _, driver = machine(Scenario(gpus=(Gpu(lost=True),)))
    (device,) = devices(driver, driver.ready(0.0, 10.0))
    assert (device.lost, device.name, device.uuid) == (True, "nvidia:0", "")


def test_facts_are_the_least_where_gpus_differ(machine: Machine) -> None:
    """A plugin that needs so much finds it on each of them."""
    _, driver = machine(Scenario(gpus=(Gpu(), SMALL, Gpu(capability=(12, 0)))))
    assert facts(driver, driver.ready(0.0, 10.0)) == {
        "gpu.count": "3",
        "gpu.compute-capability": "7.5",
        "gpu.memory-gib": "16",
        "cuda": "13.0",
        "nvidia.driver": "580.95.05",
    }


def test_no_gpus_no_facts(machine: Machine) -> None:
    """What is not known is not told."""
    _, driver = machine(Scenario(gpus=()))
    assert facts(driver, driver.ready(0.0, 10.0)) == {}
