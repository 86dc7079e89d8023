"""Where each figure comes from: first the driver's table of metrics, which one call reads, then functions of their own.

Names and units are those of `amdsmi` 6.3 and 7.0. Of several sources the first one that has a number counts, since
models fill different columns of the table: an MI300X tells a hot spot and no edge, a virtual machine has no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from vmon_plugin_amd.metrics import sample
from vmon_plugin_amd.values import at, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_core.records import Sample
    from vmon_plugin_amd.gpu import Gpu

TABLE = "amdsmi_get_gpu_metrics_info"

_MIB = float(1 << 20)
_MHZ = 1e6
_PERCENT = 0.01


@attrs.frozen
class Source:
    """One place to find a figure.

    Attributes:
        function: of `amdsmi`.
        path: where it lies in what the function returns.
        factor: makes the metric's unit of it.
        bits: the width of the field, for blanks.
        arguments: of the function, after the handle.
    """

    function: str
    path: str = ""
    factor: float = 1.0
    bits: int = 64
    arguments: tuple[str, ...] = ()

    def read(self, answers: Answers) -> float | None:
        """The figure, None where it is not told."""
        found = number(at(answers.of(self.function, *self.arguments), self.path), self.bits)
        return None if found is None else found * self.factor


class Answers:
    """What one GPU told in one reading: each function is called once."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._told: dict[tuple[str, ...], Any] = {}

    def of(self, function: str, *arguments: str) -> Any:  # noqa: ANN401 (whatever the library returns)
        """What a function tells."""
        key = (function, *arguments)
        if key not in self._told:
            self._told[key] = self._gpu.ask(function, *arguments)
        return self._told[key]

    def first(self, sources: tuple[Source, ...]) -> float | None:
        """The figure of the first source that has one."""
        return next((value for source in sources if (value := source.read(self)) is not None), None)


@attrs.frozen
class Figure:
    """A metric and where it is found."""

    name: str
    sources: tuple[Source, ...]
    labels: Mapping[str, str] = attrs.field(factory=dict)


def _table(path: str, factor: float = 1.0, bits: int = 16) -> Source:
    return Source(TABLE, path, factor, bits)


def _sensor(place: str, metric: str = "CURRENT") -> Source:
    arguments = (f"AmdSmiTemperatureType.{place}", f"AmdSmiTemperatureMetric.{metric}")
    return Source("amdsmi_get_temp_metric", arguments=arguments)


def _power(path: str) -> Source:
    return Source("amdsmi_get_power_info", path, bits=16)


def _clock(kind: str, path: str) -> Source:
    return Source("amdsmi_get_clock_info", path, _MHZ, 32, (f"AmdSmiClkType.{kind}",))


def _activity(path: str) -> Source:
    return Source("amdsmi_get_gpu_activity", path, _PERCENT, 16)


_TEMPERATURE = (
    *(_table("temperature_hotspot"), _sensor("HOTSPOT"), _sensor("JUNCTION")),
    *(_table("temperature_edge"), _sensor("EDGE")),
)
"""The hottest place first: it is what the firmware slows down by."""

_CRITICAL = (_sensor("HOTSPOT", "CRITICAL"), _sensor("JUNCTION", "CRITICAL"))

_TOTAL = (Source("amdsmi_get_gpu_vram_usage", "vram_total", _MIB, 32),)
_USED = (Source("amdsmi_get_gpu_vram_usage", "vram_used", _MIB, 32),)

_OFTEN = (
    Figure("gpu.temperature", _TEMPERATURE),
    Figure("gpu.temperature.memory", (_table("temperature_mem"), _table("temperature_hbm"), _sensor("VRAM"))),
    Figure("gpu.utilization", (_table("average_gfx_activity", _PERCENT), _activity("gfx_activity"))),
    Figure("gpu.memory.utilization", (_table("average_umc_activity", _PERCENT), _activity("umc_activity"))),
    Figure(
        "gpu.power",
        (
            *(_table("current_socket_power"), _table("average_socket_power")),
            *(_power("current_socket_power"), _power("average_socket_power")),
        ),
    ),
    Figure(
        "gpu.clock",
        (
            *(_table("current_gfxclks", _MHZ), _table("current_gfxclk", _MHZ)),
            *(_clock("GFX", "clk"), _clock("GFX", "cur_clk")),
        ),
        {"domain": "graphics"},
    ),
    Figure(
        "gpu.clock",
        (_table("current_uclk", _MHZ), _clock("MEM", "clk"), _clock("MEM", "cur_clk")),
        {"domain": "memory"},
    ),
    *(
        Figure(
            "gpu.ecc.errors",
            (Source("amdsmi_get_gpu_total_ecc_count", path),),
            {"type": kind, "scope": "volatile"},
        )
        for kind, path in (("corrected", "correctable_count"), ("uncorrected", "uncorrectable_count"))
    ),
)

_SELDOM = (
    Figure("gpu.clock.max", (_clock("GFX", "max_clk"),), {"domain": "graphics"}),
    Figure("gpu.clock.max", (_clock("MEM", "max_clk"),), {"domain": "memory"}),
    Figure("gpu.pcie.width", (Source("amdsmi_get_pcie_info", "pcie_metric.pcie_width", bits=16),)),
    Figure("gpu.pcie.width.max", (Source("amdsmi_get_pcie_info", "pcie_static.max_pcie_width", bits=16),)),
    Figure(
        "gpu.pcie.replays",
        (
            Source("amdsmi_get_pcie_info", "pcie_metric.pcie_replay_count"),
            Source("amdsmi_get_gpu_pci_replay_counter"),
        ),
    ),
)

_POWER_LIMIT = (Source("amdsmi_get_power_cap_info", "power_cap"),)

_SPEED = Source("amdsmi_get_pcie_info", "pcie_metric.pcie_speed", bits=32)
_SPEED_MAX = Source("amdsmi_get_pcie_info", "pcie_static.max_pcie_speed", bits=32)

_GENERATIONS = {2500: 1, 5000: 2, 8000: 3, 16000: 4, 32000: 5, 64000: 6}
"""PCIe generations by MT/s for each lane."""

_MICROWATTS = 10_000.0
"""A limit above this is in microwatts, as ROCm 6 writes it on bare metal; below, in watts. No GPU takes 10 kW."""


def often(gpu: Gpu, answers: Answers, time: float) -> Iterator[Sample]:
    """The figures that change all the time."""
    yield from _samples(gpu, answers, time, _OFTEN)
    total, used = answers.first(_TOTAL), answers.first(_USED)
    if total:
        yield sample("gpu.memory.total", total, time, gpu.label)
    if total and used is not None:
        yield sample("gpu.memory.used", used, time, gpu.label)
        yield sample("gpu.memory.free", total - used, time, gpu.label)
    yield from _energy(gpu, answers, time)
    yield from _margin(gpu, answers, time)


def seldom(gpu: Gpu, answers: Answers, time: float) -> Iterator[Sample]:
    """The figures that change when somebody changes them, or something breaks."""
    yield from _samples(gpu, answers, time, _SELDOM)
    for name, source in (("gpu.pcie.generation", _SPEED), ("gpu.pcie.generation.max", _SPEED_MAX)):
        generation = _GENERATIONS.get(int(source.read(answers) or 0))
        if generation is not None:
            yield sample(name, generation, time, gpu.label)
    limit = answers.first(_POWER_LIMIT)
    if limit:
        yield sample("gpu.power.limit", limit / 1e6 if limit > _MICROWATTS else limit, time, gpu.label)


def memory(gpu: Gpu) -> tuple[int | None, int | None]:
    """The bytes of a GPU's memory, and how many are free; None where it is not told."""
    answers = Answers(gpu)
    total, used = answers.first(_TOTAL), answers.first(_USED)
    known = total is not None and used is not None
    return (None if not total else int(total)), (int((total or 0) - (used or 0)) if known else None)


def _samples(gpu: Gpu, answers: Answers, time: float, figures: tuple[Figure, ...]) -> Iterator[Sample]:
    for figure in figures:
        value = answers.first(figure.sources)
        if value is not None:
            yield sample(figure.name, value, time, gpu.label, **figure.labels)


def _energy(gpu: Gpu, answers: Answers, time: float) -> Iterator[Sample]:
    """A counter with a resolution of its own, in microjoules; until ROCm 6.3 it was called `power`."""
    told = answers.of("amdsmi_get_energy_count")
    counted = number(at(told, "energy_accumulator")) or number(at(told, "power"))
    resolution = number(at(told, "counter_resolution"))
    if counted and resolution:
        yield sample("gpu.energy", counted * resolution / 1e6, time, gpu.label)


def _margin(gpu: Gpu, answers: Answers, time: float) -> Iterator[Sample]:
    now = answers.first(_TEMPERATURE[:3])
    limit = _once(gpu, "critical", lambda: answers.first(_CRITICAL))
    if now is not None and limit:
        yield sample("gpu.temperature.margin", limit - now, time, gpu.label)


def _once(gpu: Gpu, name: str, ask: Callable[[], float | None]) -> float | None:
    """A limit, which never changes; asked for until it is told."""
    if name not in gpu.facts:
        found = ask()
        if found is None:
            return None
        gpu.facts[name] = found
    found = gpu.facts[name]
    return float(found)
