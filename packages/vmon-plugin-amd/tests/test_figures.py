"""The figures: units, sources in their order, and nothing where nothing is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.devices import METRICS
from vmon_testkit.amdsmi import AmdLink, AmdProcess, Code

if TYPE_CHECKING:
    from conftest import Bench

GIB = 1 << 30


def test_an_idle_mi300x(bench: Bench) -> None:
    """Every figure is in the unit of its canonical metric."""
    found = bench.figures()
    expected = {
        "gpu.temperature": 42,
        "gpu.temperature.memory": 38,
        "gpu.temperature.margin": 68,
        "gpu.utilization": 0,
        "gpu.power": 140,
        "gpu.power.limit": 750,
        "gpu.energy": 15.259,
        "gpu.clock graphics": 132e6,
        "gpu.clock memory": 900e6,
        "gpu.clock.max graphics": 2100e6,
        "gpu.memory.total": 196_592 << 20,
        "gpu.memory.used": 285 << 20,
        "gpu.memory.free": (196_592 - 285) << 20,
        "gpu.pcie.generation": 5,
        "gpu.pcie.width": 16,
        "gpu.ecc.errors volatile corrected": 0,
        "gpu.pages.retired reserved": 0,
        "gpu.health": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert {name.split()[0] for name in found} <= set(METRICS)


def test_load_is_a_ratio(bench: Bench) -> None:
    """The library counts per cent."""
    bench.fake.change(gpu=0, utilization=97, memory_utilization=40)
    found = bench.figures()
    assert (found["gpu.utilization"], found["gpu.memory.utilization"]) == pytest.approx((0.97, 0.4))


@pytest.mark.parametrize("raw", [False, True])
def test_blanks_are_absent(bench: Bench, *, raw: bool) -> None:
    """Whether the library says N/A or hands out the firmware's bits, there is no figure."""
    bench.fake.change(raw=raw)
    bench.fake.change(gpu=0, temperature=None, memory_temperature=None, power=None, utilization=None)
    found = bench.figures()
    assert not {"gpu.temperature", "gpu.temperature.memory", "gpu.power", "gpu.utilization"} & set(found)
    assert max(found.values()) < 1e15


def test_without_the_table_functions_tell(bench: Bench) -> None:
    """A virtual function has no table of metrics; what has a function of its own is still read."""
    bench.fake.change(gpu=0, table=False, utilization=50)
    found = bench.figures()
    assert (found["gpu.temperature"], found["gpu.utilization"], found["gpu.power"]) == (42, 0.5, 140)


def test_the_edge_stands_in_for_a_hot_spot(bench: Bench) -> None:
    """A model without the one sensor may have the other."""
    bench.fake.change(gpu=0, temperature=None, edge=55)
    assert bench.figures()["gpu.temperature"] == 55


@pytest.mark.parametrize("limit", [750_000_000, 750])
def test_a_limit_in_either_unit(bench: Bench, limit: int) -> None:
    """Bare metal writes microwatts, other platforms watts."""
    bench.fake.change(gpu=0, power_limit=limit)
    assert bench.figures()["gpu.power.limit"] == 750


def test_links(bench: Bench) -> None:
    """Marks and traffic; one that is switched off is neither up nor down."""
    links = (AmdLink(read=2, write=3), AmdLink(mark="D"), AmdLink(mark="X"))
    bench.fake.change(gpu=0, links=links)
    found = bench.figures()
    assert [found.get(f"gpu.link.up {n}") for n in range(4)] == [1, 0, None, None]
    assert (found["gpu.link.traffic received 0"], found["gpu.link.traffic sent 0"]) == (2048, 3072)


def test_processes_and_pages(bench: Bench) -> None:
    """Who holds memory, and how many pages are bad."""
    bench.fake.change(gpu=0, processes=(AmdProcess(77, 5 * GIB),), pages=(0, 0, 1))
    found = bench.figures()
    assert found["gpu.process.memory 77"] == 5 * GIB
    assert (found["gpu.pages.retired reserved"], found["gpu.pages.retired pending"]) == (2, 1)


def test_a_function_that_is_missing_is_normal(bench: Bench) -> None:
    """An older or newer version lacks some; all others tell."""
    bench.fake.change(
        errors={name: int(Code.NOT_SUPPORTED) for name in ("amdsmi_get_pcie_info", "amdsmi_get_temp_metric")}
    )
    found = bench.figures()
    assert "gpu.pcie.width" not in found
    assert found["gpu.power"] == 140
    bench.fake.change(errors={})
    assert "gpu.pcie.width" not in bench.figures(), "what is not supported is not asked for again"


def test_a_passing_error_costs_one_reading(bench: Bench) -> None:
    """It is asked again the next time."""
    bench.fake.change(errors={"amdsmi_get_gpu_metrics_info": int(Code.NO_DATA)})
    assert "gpu.clock graphics" in bench.figures(), "the function of its own tells"
    bench.fake.change(errors={})
    assert bench.figures()["gpu.clock graphics"] == 132e6
