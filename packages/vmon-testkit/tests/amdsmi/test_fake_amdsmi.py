"""The stand-in for `amdsmi`: the real module's names, return values and errors, and a machine that changes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from vmon_testkit.amdsmi import AmdGpu, AmdLink, AmdScenario, FakeAmdSmi
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fake() -> Iterator[FakeAmdSmi]:
    """A machine with two GPUs."""
    with FakeAmdSmi(AmdScenario(gpus=(AmdGpu(), AmdGpu()))) as machine:
        yield machine


@pytest.fixture
def smi(fake: FakeAmdSmi) -> Any:
    """The module, opened."""
    module = importlib.import_module("amdsmi")
    module.amdsmi_init()
    return module


def test_it_changes_while_it_runs(fake: FakeAmdSmi, smi: Any) -> None:
    """For one GPU only."""
    first, second = smi.amdsmi_get_processor_handles()
    fake.change(gpu=1, temperature=99)
    assert smi.amdsmi_get_gpu_metrics_info(first)["temperature_hotspot"] == 42
    assert smi.amdsmi_get_gpu_metrics_info(second)["temperature_hotspot"] == 99


def test_errors_have_their_codes(fake: FakeAmdSmi, smi: Any) -> None:
    """A lost GPU is not found; a wrong argument has no code; what is injected is raised."""
    first, second = smi.amdsmi_get_processor_handles()
    fake.change(gpu=0, lost=True)
    fake.change(errors={"amdsmi_get_pcie_info": 2})
    with pytest.raises(smi.AmdSmiLibraryException) as lost:
        smi.amdsmi_get_gpu_vram_usage(first)
    assert lost.value.get_error_code() == 31
    with pytest.raises(smi.AmdSmiException) as injected:
        smi.amdsmi_get_pcie_info(second)
    assert injected.value.err_code == 2
    with pytest.raises(smi.AmdSmiParameterException):
        smi.amdsmi_get_gpu_vram_usage(1)


def test_it_has_to_be_opened() -> None:
    """As the real one."""
    with FakeAmdSmi():
        smi: Any = importlib.import_module("amdsmi")
        with pytest.raises(smi.AmdSmiLibraryException) as error:
            smi.amdsmi_get_processor_handles()
        assert error.value.err_code == 32


def test_without_a_scenario_it_cannot_be_imported(fake: FakeAmdSmi) -> None:
    """The real one raises a KeyError where ROCm's library is missing."""
    del fake
    environment = {name: value for name, value in os.environ.items() if name != "VMON_FAKE_AMDSMI"}
    command = [sys.executable, "-c", "import amdsmi"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "KeyError: 'libamd_smi.so'" in done.stderr


@pytest.mark.parametrize(("release", "xgmi"), [(6, 1), (7, 2)])
def test_releases_differ(release: int, xgmi: int) -> None:
    """In the numbers of kinds of links, in names, and in what there is."""
    with FakeAmdSmi(AmdScenario(gpus=(AmdGpu(links=(AmdLink(),)),), release=release)):
        smi: Any = importlib.import_module("amdsmi")
        smi.amdsmi_init()
        (gpu,) = smi.amdsmi_get_processor_handles()
        links = smi.amdsmi_get_link_metrics(gpu)["links"]
        assert (links[0]["link_type"], len(links)) == (xgmi, 8)
        assert ("power" in smi.amdsmi_get_energy_count(gpu)) is (release == 6)
        assert hasattr(smi, "amdsmi_get_rocm_version") is (release == 7)


def test_a_call_hangs_as_long_as_it_is_told_to(fake: FakeAmdSmi, smi: Any) -> None:
    """And then returns."""
    gpu = smi.amdsmi_get_processor_handles()[0]
    fake.change(hangs=("amdsmi_get_gpu_vram_usage",))
    thread = threading.Thread(target=smi.amdsmi_get_gpu_vram_usage, args=(gpu,))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    fake.change(hangs=())
    wait_until(lambda: not thread.is_alive())


def test_events_are_heard_once(fake: FakeAmdSmi, smi: Any) -> None:
    """By whoever listens to their kind."""
    kind = smi.AmdSmiEvtNotificationType.VMFAULT
    reader = smi.AmdSmiEventReader(smi.amdsmi_get_processor_handles()[0], [kind])
    fake.happen(1, "VMFAULT", "1a:python3")
    (event,) = reader.read(1000)
    assert (event["event"], event["message"], event["processor_handle"].value) == ("VMFAULT", "1a:python3", 2)
    with pytest.raises(smi.AmdSmiLibraryException):
        reader.read(1)


def test_other_processes_see_the_same_gpus(fake: FakeAmdSmi) -> None:
    """By the environment alone."""
    code = "import amdsmi as a; a.amdsmi_init(); print(len(a.amdsmi_get_processor_handles()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"
    assert fake.environment["VMON_AMD_ROOT"] == str(fake.folder)
