"""Faults that are injected, and the judgement and events that they have to give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.evidence import DeviceJudged, Health, Recovery
from vmon_core.records import Sample
from vmon_plugin_amd.events import as_event
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from conftest import Bench


def test_a_well_gpu_is_healthy(bench: Bench) -> None:
    """And is said to be at the first look."""
    (judged,) = [each for each in bench.turn() if isinstance(each, DeviceJudged)]
    assert (judged.health, judged.reasons) == (Health.HEALTHY, ())


@pytest.mark.parametrize(
    ("change", "health", "code"),
    [
        ({"uncorrected": 1}, Health.UNHEALTHY, "ecc.uncorrected"),
        ({"corrected": 5000}, Health.DEGRADED, "ecc.corrected"),
        ({"temperature": 111}, Health.DEGRADED, "temperature.margin"),
        ({"turns": 2000, "hot": 900}, Health.DEGRADED, "throttle.hw_thermal"),
        ({"pages": (0,) * 80}, Health.DEGRADED, "pages.retired"),
        ({"pcie_replays": 900}, Health.DEGRADED, "pcie.replays"),
        ({"lost": True}, Health.UNHEALTHY, "gpu.lost"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_fault_is_seen_within_two_readings(bench: Bench, change: dict[str, int], health: Health, code: str) -> None:
    """It makes an event of its code, and the judgement names it."""
    bench.turn()
    bench.fake.change(gpu=0, **change)
    events = [*bench.events(), *bench.events()]
    assert code in [event.code for event in events]
    judged = bench.session.devices(1.0)[0]
    assert judged.health is health
    assert judged.reasons


def test_a_lost_gpu_tells_nothing(bench: Bench) -> None:
    """No figure is left that could be taken for its present one; it comes back when it answers."""
    bench.turn()
    bench.fake.change(gpu=0, lost=True)
    bench.turn()
    found = [each.name for each in bench.turn() if isinstance(each, Sample)]
    assert set(found) <= {"gpu.health", "gpu.events"}
    (device,) = bench.session.devices(1.0)
    assert (device.lost, device.health, device.memory_bytes) == (True, Health.UNHEALTHY, None)
    bench.fake.change(gpu=0, lost=False)
    bench.turn()
    assert not bench.session.devices(1.0)[0].lost


def test_who_may_not_look_does_not_know(bench: Bench) -> None:
    """A refusal says nothing against a device."""
    every = ("metrics_info", "vram_usage", "total_ecc_count", "activity", "bad_page_info", "process_list")
    functions = [f"amdsmi_get_gpu_{name}" for name in every]
    functions += ["amdsmi_get_temp_metric", "amdsmi_get_power_info", "amdsmi_get_clock_info", "amdsmi_get_pcie_info"]
    functions += ["amdsmi_get_energy_count", "amdsmi_get_power_cap_info", "amdsmi_get_gpu_pci_replay_counter"]
    functions += ["amdsmi_get_link_metrics", "amdsmi_get_gpu_xgmi_link_status"]
    bench.fake.change(errors=dict.fromkeys(functions, 10))
    for _ in range(3):
        bench.turn()
    (device,) = bench.session.devices(1.0)
    assert (device.lost, device.health) == (False, Health.UNKNOWN)


def test_a_driver_that_is_unloaded_and_loaded(bench: Bench) -> None:
    """Its handles are gone; it is opened anew without anybody's help."""
    bench.turn()
    bench.fake.change(errors={"amdsmi_get_gpu_metrics_info": 34})
    assert bench.turn() == []
    bench.fake.change(errors={})
    wait_until(lambda: bool(bench.turn()))


def test_events_of_the_driver_are_told(bench: Bench) -> None:
    """A memory fault is the application's, a reset ends its work; neither waits for the next measurement."""
    bench.turn()
    found = []

    def heard() -> bool:
        found.extend(event.code for event in bench.events(seconds=0.01))
        return {"memory_fault", "reset.begun"} <= set(found)

    bench.fake.happen(0, "VMFAULT", "1a:python3")
    bench.fake.happen(0, "GPU_PRE_RESET", "1")
    wait_until(heard)
    assert bench.session.devices(1.0)[0].health is Health.HEALTHY


@pytest.mark.parametrize(
    ("message", "pid", "summary"),
    [
        ("1a:python3\n", 26, "process 26 (python3) used memory that is not mapped"),
        ("", None, "a process used memory that is not mapped"),
        ("garbage", None, "a process used memory that is not mapped"),
    ],
)
def test_memory_faults_name_their_process(message: str, pid: int | None, summary: str) -> None:
    """Where the message has it."""
    event = as_event("VMFAULT", message, "amd:0", 0.0)
    assert event is not None
    assert (event.pid, event.summary, event.recovery) == (pid, summary, Recovery.RESTART_APPLICATION)


def test_everyday_events_are_not_told() -> None:
    """A queue that is evicted is the scheduler's business."""
    assert as_event("QUEUE_EVICTION", "", "amd:0", 0.0) is None
