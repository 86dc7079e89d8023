"""The way to the library: absent in many ways, slow, and of several versions."""

from __future__ import annotations

import pytest

from vmon_plugin_amd.config import AMDConfig
from vmon_plugin_amd.facts import facts
from vmon_plugin_amd.session import Session, UnavailableError
from vmon_testkit.amdsmi import AmdGpu, AmdLink, AmdProcess, AmdScenario, FakeAmdSmi
from vmon_testkit.trees import write_tree


def devices(scenario: AmdScenario, patience: float = 20.0) -> tuple[list[str], Session]:
    """What a session says, and the session."""
    told: list[str] = []
    session = Session(AMDConfig(), told.append, alone=True)
    with FakeAmdSmi(scenario):
        try:
            session.devices(patience)
        except UnavailableError as error:
            told.append(f"raised: {error}")
        finally:
            session.close()
    return told, session


@pytest.mark.parametrize(
    ("scenario", "text"),
    [
        (AmdScenario(broken=10), "this user may not use AMD's driver"),
        (AmdScenario(broken=34), "the amdgpu driver is not loaded"),
        (AmdScenario(broken=7), "AMD's library cannot be opened (is ROCm installed?): AmdSmiLibraryException"),
        (AmdScenario(importable="libamd_smi.so"), "KeyError: 'libamd_smi.so'"),
        (AmdScenario(gpus=()), "AMD's driver has no GPUs"),
    ],
)
def test_why_there_are_none_is_told_once_and_raised(scenario: AmdScenario, text: str) -> None:
    """One line for people, and an error for who asked."""
    told, _ = devices(scenario)
    assert len(told) == 2
    assert text in told[0]
    assert told[1] == f"raised: {told[0]}"


def test_a_driver_that_hangs_is_waited_for_no_longer_than_asked() -> None:
    """The thread that opens it stays behind; who asked is told."""
    told, _ = devices(AmdScenario(hangs=("amdsmi_init",)), 0.05)
    assert told[0] == "raised: AMD's driver did not answer for 0 s"


@pytest.mark.parametrize("release", [6, 7])
def test_who_the_devices_are(release: int) -> None:
    """Both releases tell the same, but for ROCm's version, which the older one does not."""
    gpus = (
        AmdGpu(links=(AmdLink(),), processes=(AmdProcess(7, 5),), memory_used=592),
        AmdGpu(name="AMD Instinct MI210", capability="gfx90a", numa_node=-1, memory_total=65_535),
    )
    with FakeAmdSmi(AmdScenario(gpus=gpus, release=release)):
        session = Session(AMDConfig(), lambda _: None, alone=True)
        first, second = session.devices(20.0)
        session.close()
    assert (first.name, first.model, first.pci) == ("amd:0", "AMD Instinct MI300X", "0000:26:00.0")
    assert (first.capability, first.driver, first.runtime) == ("gfx942", "6.14.14", "7.0.2" if release == 7 else "")
    assert (first.memory_bytes, first.memory_free_bytes) == (196_592 << 20, 196_000 << 20)
    assert [(link.kind, link.remote, link.up) for link in first.links] == [("xgmi", "0000:26:00.0", True)]
    assert [(p.pid, p.memory_bytes) for p in first.processes] == [(7, 5)]
    assert (second.numa_node, second.memory_bytes) == (None, 65_535 << 20)
    assert first.uuid != second.uuid


def test_functions_that_are_missing_from_the_module() -> None:
    """A version without them tells less."""
    missing = ("amdsmi_get_gpu_process_list", "amdsmi_get_link_metrics", "amdsmi_get_gpu_asic_info")
    with FakeAmdSmi(AmdScenario(missing=missing)):
        session = Session(AMDConfig(), lambda _: None, alone=True)
        (device,) = session.devices(20.0)
        session.close()
    assert (device.processes, device.links, device.model) == ((), (), "")
    assert device.memory_bytes is not None


def test_facts_do_not_clash_with_nvidias() -> None:
    """Names without a vendor are told only where NVIDIA has no GPUs."""
    with FakeAmdSmi(AmdScenario(gpus=(AmdGpu(), AmdGpu()), driver="6.10.5-2084815.24.04")) as fake:
        session = Session(AMDConfig(), lambda _: None, alone=True)
        found = session.devices(20.0)
        session.close()
        alone = facts(found)
        write_tree(fake.folder, {"proc/driver/nvidia/gpus/0000:01:00.0/information": ""})
        beside = facts(found)
    own = {"amd.gpu-count": "2", "amd.driver": "6.10.5", "rocm": "7.0.2"}
    assert alone == {**own, "gpu.count": "2", "gpu.memory-gib": "192"}
    assert beside == own
    assert facts([]) == {}
