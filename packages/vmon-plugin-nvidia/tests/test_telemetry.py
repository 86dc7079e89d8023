"""The figures of GPUs, by the real `pynvml` over fake ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.devices import METRICS
from vmon_plugin_nvidia.driver import find_parts
from vmon_plugin_nvidia.gpu import GoneError, LostError
from vmon_plugin_nvidia.links import Links
from vmon_plugin_nvidia.sources import is_blank
from vmon_plugin_nvidia.telemetry import Telemetry
from vmon_testkit.nvml import BLANK, Error, Gpu, Instance, Link, Scenario, dgx

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Sample

    from .conftest import Machine

BUSY = Gpu(
    utilization=93,
    memory_utilization=40,
    memory_used=30 << 30,
    temperature=71,
    power=512_000,
    reasons=0x24,
    power_violation=3_000_000_000,
    pcie_width=8,
    corrected=7,
    rows_pending=True,
    fabric_state=3,
)


COUNTERS = {"gpu.energy", "gpu.throttle.time", "gpu.pcie.replays", "gpu.ecc.errors", "gpu.rows.remapped"}


def by_name(samples: Iterable[Sample]) -> dict[str, float]:
    """Values by name and further labels."""
    found = {}
    for sample in samples:
        more = "".join(f" {value}" for key, value in sample.labels if key not in ("gpu", "kind"))
        found[sample.name + more] = sample.value
    return found


def measured(machine: Machine, gpu: Gpu, **more: object) -> dict[str, float]:
    """What a GPU tells, everything included."""
    _, driver = machine(Scenario(gpus=(gpu,), **more))  # type: ignore[arg-type]  # any attribute
    (one,) = driver.ready(0.0, 10.0)
    return by_name(Telemetry(one).samples(1.0, slow=True))


def test_figures_in_canonical_units(machine: Machine) -> None:
    """Per cent become ratios, milliwatts watts, and so on."""
    found = measured(machine, BUSY)
    expected = {
        "gpu.utilization": 0.93,
        "gpu.memory.utilization": 0.4,
        "gpu.memory.total": 80 << 30,
        "gpu.memory.used": 30 << 30,
        "gpu.memory.reserved": 600 << 20,
        "gpu.temperature": 71,
        "gpu.temperature.memory": 42,
        "gpu.temperature.margin": 16,
        "gpu.power": 512,
        "gpu.power.limit": 700,
        "gpu.energy": 5e6,
        "gpu.clock sm": 1980e6,
        "gpu.clock.max memory": 2619e6,
        "gpu.throttled power_cap": 1,
        "gpu.throttled sw_thermal": 1,
        "gpu.throttled hw_thermal": 0,
        "gpu.throttle.time power_cap": 3,
        "gpu.pcie.width": 8,
        "gpu.pcie.width.max": 16,
        "gpu.ecc.errors volatile corrected": 7,
        "gpu.rows.pending": 1,
        "gpu.fabric.state": 3,
    }
    assert {name: pytest.approx(found[name]) for name in expected} == expected


def test_samples_carry_the_canonical_unit_and_kind(machine: Machine) -> None:
    """Whoever reads them needs to know nothing of NVIDIA."""
    _, driver = machine(Scenario(gpus=(BUSY, BUSY)))
    for gpu in driver.ready(0.0, 10.0):
        for sample in Telemetry(gpu).samples(1.0, slow=True):
            assert METRICS[sample.name] == sample.unit
            assert dict(sample.labels)["gpu"] == str(gpu.index)
            assert list(sample.labels) == sorted(sample.labels)
            assert sample.counter is (sample.name in COUNTERS)


def test_what_is_not_supported_is_absent(machine: Machine) -> None:
    """Neither zero nor a huge number: blanks of three kinds, an error of a field, a GPU without ECC."""
    fields = {82: BLANK, 83: BLANK + 1, 94: 0xFFFFFFFF, 142: Error.NO_DATA}
    errors = {"nvmlDeviceGetTotalEnergyConsumption": Error.NOT_SUPPORTED}
    found = measured(machine, Gpu(fields=fields, errors=errors, ecc=False))
    assert "gpu.temperature.memory" not in found
    assert "gpu.energy" not in found
    assert not any(name.startswith(("gpu.ecc", "gpu.pages", "gpu.fabric.none")) for name in found)
    assert max(found.values()) < 1e12
    assert found["gpu.power"] == 70


@pytest.mark.parametrize("value", [BLANK, BLANK + 3, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 0x7FFFFFF0])
def test_blanks(value: int) -> None:
    """All that NVML and DCGM write for "no value"."""
    assert is_blank(value)
    assert not is_blank(value // 3)


def test_margin_may_be_below_zero(machine: Machine) -> None:
    """That is a GPU that is too hot, not one that cannot tell."""
    assert measured(machine, Gpu(temperature=88))["gpu.temperature.margin"] == -1


def test_margin_of_an_older_driver(machine: Machine) -> None:
    """It is to the temperature of the hardware's slowdown, which is asked once."""
    fake, driver = machine(Scenario(gpus=(Gpu(temperature=71),), missing=("nvmlDeviceGetMarginTemperature",)))
    telemetry = Telemetry(driver.ready(0.0, 10.0)[0])
    assert by_name(telemetry.samples(1.0, slow=False))["gpu.temperature.margin"] == 16
    fake.change(0, temperature=95, slowdown_temperature=200)
    assert by_name(telemetry.samples(2.0, slow=False))["gpu.temperature.margin"] == -8


@pytest.mark.parametrize(
    "gpu",
    [
        Gpu(slowdown_temperature=0),
        Gpu(slowdown_temperature=0xFFFFFFFF),
        Gpu(errors={"nvmlDeviceGetTemperatureThreshold": Error.NOT_SUPPORTED}),
        Gpu(errors={"nvmlDeviceGetTemperature": Error.UNKNOWN}),
    ],
    ids=("zero", "blank", "not supported", "no temperature"),
)
def test_margin_without_a_limit_is_absent(machine: Machine, gpu: Gpu) -> None:
    """No limit is not a limit that was passed."""
    gpu = attrs.evolve(gpu, errors={**gpu.errors, "nvmlDeviceGetMarginTemperature": Error.NOT_SUPPORTED})
    assert "gpu.temperature.margin" not in measured(machine, gpu)


def test_older_sources_are_used_where_newer_ones_are_missing(machine: Machine) -> None:
    """A driver without field values, margins, or the second memory structure tells nearly the same."""
    missing = ("nvmlDeviceGetFieldValues", "nvmlDeviceGetMarginTemperature", "nvmlDeviceGetMemoryInfo_v2")
    missing += ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetGpuFabricInfoV")
    found = measured(machine, BUSY, missing=missing)
    for name in ("gpu.power", "gpu.energy", "gpu.throttle.time power_cap", "gpu.ecc.errors volatile corrected"):
        assert name in found
    assert found["gpu.rows.pending"] == 1
    assert found["gpu.temperature.margin"] == 16
    assert found["gpu.memory.used"] == (30 << 30) + (600 << 20)
    assert found["gpu.throttled power_cap"] == 1
    assert not {"gpu.temperature.memory", "gpu.memory.reserved", "gpu.fabric.state"} & found.keys()


def test_steady_state_makes_few_calls(machine: Machine) -> None:
    """What is not supported is asked once: a missing function is normal, and costs nothing from then on."""
    fake, driver = machine(Scenario(gpus=(BUSY,), missing=("nvmlDeviceGetMarginTemperature",)))
    (gpu,) = driver.ready(0.0, 10.0)
    telemetry = Telemetry(gpu)
    list(telemetry.samples(1.0, slow=True))
    before = fake.calls
    list(telemetry.samples(2.0, slow=False))
    assert fake.calls - before <= 8


def test_throughput_comes_from_counters(machine: Machine) -> None:
    """It is a comparison with the measurement before; counters that wrapped say nothing."""
    fake, driver = machine(Scenario(gpus=(Gpu(),)))
    telemetry = Telemetry(driver.ready(0.0, 10.0)[0])
    assert "gpu.pcie.throughput sent" not in by_name(telemetry.samples(10.0, slow=True))
    fake.add(0, pcie_sent=4000, pcie_received=8000)
    found = by_name(telemetry.samples(12.0, slow=False))
    assert (found["gpu.pcie.throughput sent"], found["gpu.pcie.throughput received"]) == (2000, 4000)
    fake.change(0, pcie_sent=1)
    assert "gpu.pcie.throughput sent" not in by_name(telemetry.samples(14.0, slow=False))


def test_throughput_without_counters_is_the_drivers(machine: Machine) -> None:
    """Only at the slow interval: the driver takes 20 ms for each."""
    _, driver = machine(Scenario(gpus=(Gpu(fields={197: Error.NOT_SUPPORTED, 198: Error.NOT_SUPPORTED}),)))
    telemetry = Telemetry(driver.ready(0.0, 10.0)[0])
    assert by_name(telemetry.samples(1.0, slow=True))["gpu.pcie.throughput sent"] == 1e6
    assert "gpu.pcie.throughput sent" not in by_name(telemetry.samples(2.0, slow=False))


def test_instances_have_memory_of_their_own(machine: Machine) -> None:
    """And are called by GPU and number; the whole has no utilization then, and instances may come and go."""
    parts = (Instance(gpu_instance=7, memory_used=1 << 30), Instance(gpu_instance=9))
    fake, driver = machine(Scenario(gpus=(Gpu(instances=parts),)))
    (gpu,) = driver.ready(0.0, 10.0)
    assert [part.label for part in gpu.parts] == ["0.0", "0.1"]
    found = by_name(Telemetry(gpu.parts[0]).samples(1.0, slow=True))
    assert found == {"gpu.memory.total": 10 << 30, "gpu.memory.used": 1 << 30, "gpu.memory.free": 9 << 30}
    assert "gpu.utilization" not in by_name(Telemetry(gpu).samples(1.0, slow=True))
    kept = gpu.parts[0]
    fake.change(0, instances=parts[:1])
    find_parts(gpu)
    assert gpu.parts == (kept,)
    fake.change(0, instances=())
    find_parts(gpu)
    assert gpu.parts == ()


def test_lost_gpu_is_told_as_lost(machine: Machine) -> None:
    """The next call says so, and one that answers again is there again."""
    fake, driver = machine(Scenario(gpus=(Gpu(),)))
    (gpu,) = driver.ready(0.0, 10.0)
    telemetry = Telemetry(gpu)
    fake.change(0, lost=True)
    with pytest.raises(LostError):
        list(telemetry.samples(1.0, slow=False))
    assert gpu.lost
    fake.change(0, lost=False)
    assert list(telemetry.samples(2.0, slow=False))
    assert not gpu.lost


def test_driver_that_goes_is_told_as_gone(machine: Machine) -> None:
    """As when it is unloaded for an upgrade."""
    fake, driver = machine(Scenario(gpus=(Gpu(),)))
    telemetry = Telemetry(driver.ready(0.0, 10.0)[0])
    fake.change(errors={"nvmlDeviceGetFieldValues": Error.UNINITIALIZED})
    with pytest.raises(GoneError):
        list(telemetry.samples(1.0, slow=False))


def test_passing_error_is_asked_again(machine: Machine) -> None:
    """Unlike what a GPU does not support."""
    fake, driver = machine(Scenario(gpus=(Gpu(errors={"nvmlDeviceGetTemperature": Error.UNKNOWN}),)))
    telemetry = Telemetry(driver.ready(0.0, 10.0)[0])
    assert "gpu.temperature" not in by_name(telemetry.samples(1.0, slow=False))
    fake.change(0, errors={})
    assert by_name(telemetry.samples(2.0, slow=False))["gpu.temperature"] == 35


def test_links_by_one_call(machine: Machine) -> None:
    """State, errors and traffic of each."""
    links = (Link(sent=2), Link(up=False, replays=4, recoveries=5, crc=6, received=3))
    fake, driver = machine(Scenario(gpus=(Gpu(links=links),)))
    measured_links = Links(driver.ready(0.0, 10.0)[0])
    before = fake.calls
    found = by_name(measured_links.samples(1.0))
    assert fake.calls == before + 1
    assert [found[f"gpu.link.up {n}"] for n in (0, 1)] == [1, 0]
    assert [found[f"gpu.link.errors 1 {kind}"] for kind in ("replay", "recovery", "crc")] == [4, 5, 6]
    assert found["gpu.link.traffic sent 0"] == 2048
    assert found["gpu.link.traffic received 1"] == 3072


def test_gpu_without_links_has_none(machine: Machine) -> None:
    """Most have none."""
    _, driver = machine(Scenario(gpus=(Gpu(),)))
    assert not list(Links(driver.ready(0.0, 10.0)[0]).samples(1.0))


def test_largest_machine(machine: Machine) -> None:
    """16 GPUs are measured like one."""
    _, driver = machine(dgx(16))
    assert len(driver.ready(0.0, 10.0)) == 16
