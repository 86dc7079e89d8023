"""The records of GPUs, and the facts about the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.devices import DeviceLink, DeviceProcess
from vmon_plugin_nvidia.identity import devices, facts
from vmon_testkit.nvml import Gpu, Instance, Link, Process, RemoteKind, Scenario

if TYPE_CHECKING:
    from .conftest import Machine

SMALL = Gpu(name="NVIDIA T4", capability=(7, 5), memory_total=16 << 30, numa_node=1)


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
    assert (second.model, second.numa_node, first.numa_node) == ("NVIDIA T4", 1, None)


def test_no_numa_node_of_a_virtual_machine(machine: Machine) -> None:
    """It tells -1, which means that nobody knows."""
    _, driver = machine(Scenario(gpus=(Gpu(numa_node=-1),)))
    (device,) = devices(driver, driver.ready(0.0, 10.0))
    assert device.numa_node is None


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
