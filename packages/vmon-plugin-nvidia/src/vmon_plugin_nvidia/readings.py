"""The catalogue: each figure of a GPU, its sources in the order of preference, and its unit in NVML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pynvml

from vmon_core.records import Labels
from vmon_plugin_nvidia.sources import Below, Call, Field, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_plugin_nvidia.gpu import Gpu

_MEMORY_2 = ("nvmlDeviceGetMemoryInfo", (pynvml.nvmlMemory_v2,))
"""The memory without what the driver keeps for itself, which the first version counts as used."""

_TEMPERATURE = Call("nvmlDeviceGetTemperature", (pynvml.NVML_TEMPERATURE_GPU,))

_SLOWDOWN = Call("nvmlDeviceGetTemperatureThreshold", (pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN,))
"""Where the hardware slows itself down. The fields `TEMPERATURE_SLOWDOWN_TLIMIT` and its like take no place of it: they
count in the very margin that a driver without `nvmlDeviceGetMarginTemperature` does not tell."""

_MHZ = 1e6
_NANOSECONDS = 1e-9
_THOUSANDTHS = 1e-3


@attrs.frozen
class Reading:
    """A figure.

    Attributes:
        metric: its canonical name.
        sources: where it may come from; the first that the GPU supports is used.
        scale: what NVML's number is multiplied with.
        labels: further labels.
        slow: it changes seldom, and is read at the slow interval.
    """

    metric: str
    sources: tuple[Source, ...]
    scale: float = 1
    labels: Labels = ()
    slow: bool = False

    def read(self, gpu: Gpu, values: Mapping[Field, float], answers: dict[tuple[Any, ...], Any]) -> float | None:
        """Take the first source that has a value, in the metric's unit.

        Args:
            gpu: whose.
            values: the field values that were read.
            answers: what was asked already for this measurement.
        """
        for source in self.sources:
            value = values.get(source) if isinstance(source, Field) else source.read(gpu, answers)
            if value is not None:
                return value * self.scale
        return None


def _memory(member: str, *, slow: bool = False) -> Reading:
    sources = (Call(*_MEMORY_2, member), Call("nvmlDeviceGetMemoryInfo", (), member))
    return Reading(f"gpu.memory.{member}", sources, slow=slow)


def _clock(domain: str, number: int) -> tuple[Reading, Reading]:
    labels = (("domain", domain),)
    return (
        Reading("gpu.clock", (Call("nvmlDeviceGetClockInfo", (number,)),), _MHZ, labels),
        Reading("gpu.clock.max", (Call("nvmlDeviceGetMaxClockInfo", (number,)),), _MHZ, labels, slow=True),
    )


def _throttle_time(reason: str, field: str, policy: int | None = None) -> Reading:
    sources: tuple[Source, ...] = (Field(field),)
    if policy is not None:
        sources += (Call("nvmlDeviceGetViolationStatus", (policy,), "violationTime"),)
    return Reading("gpu.throttle.time", sources, _NANOSECONDS, (("reason", reason),))


def _ecc(kind: str, scope: str, field: str) -> Reading:
    numbers = ("corrected", "uncorrected").index(kind), ("volatile", "aggregate").index(scope)
    sources = (Field(field), Call("nvmlDeviceGetTotalEccErrors", numbers))
    return Reading("gpu.ecc.errors", sources, labels=(("scope", scope), ("type", kind)))


def _rows(metric: str, field: str, member: int, kind: str = "") -> Reading:
    labels = (("type", kind),) if kind else ()
    return Reading(metric, (Field(field), Call("nvmlDeviceGetRemappedRows", (), member)), labels=labels)


def _pcie(metric: str, function: str) -> Reading:
    return Reading(metric, (Call(function),), slow=True)


CATALOGUE: tuple[Reading, ...] = (
    Reading("gpu.utilization", (Call("nvmlDeviceGetUtilizationRates", (), "gpu"),), 0.01),
    Reading("gpu.memory.utilization", (Call("nvmlDeviceGetUtilizationRates", (), "memory"),), 0.01),
    _memory("total"),
    _memory("used"),
    _memory("free"),
    Reading("gpu.memory.reserved", (Call(*_MEMORY_2, "reserved"),)),
    Reading("gpu.temperature", (_TEMPERATURE,)),
    Reading("gpu.temperature.memory", (Field("MEMORY_TEMP"),)),
    Reading("gpu.temperature.margin", (Call("nvmlDeviceGetMarginTemperature"), Below(_SLOWDOWN, _TEMPERATURE))),
    Reading("gpu.power", (Field("POWER_INSTANT"), Call("nvmlDeviceGetPowerUsage")), _THOUSANDTHS),
    Reading("gpu.power.limit", (Call("nvmlDeviceGetEnforcedPowerLimit"),), _THOUSANDTHS, slow=True),
    Reading(
        "gpu.energy",
        (Field("TOTAL_ENERGY_CONSUMPTION"), Call("nvmlDeviceGetTotalEnergyConsumption")),
        _THOUSANDTHS,
    ),
    *_clock("sm", pynvml.NVML_CLOCK_SM),
    *_clock("memory", pynvml.NVML_CLOCK_MEM),
    _throttle_time("power_cap", "PERF_POLICY_POWER", pynvml.NVML_PERF_POLICY_POWER),
    _throttle_time("thermal", "PERF_POLICY_THERMAL", pynvml.NVML_PERF_POLICY_THERMAL),
    _throttle_time("sync_boost", "PERF_POLICY_SYNC_BOOST", pynvml.NVML_PERF_POLICY_SYNC_BOOST),
    _throttle_time("board_limit", "PERF_POLICY_BOARD_LIMIT", pynvml.NVML_PERF_POLICY_BOARD_LIMIT),
    _throttle_time("reliability", "PERF_POLICY_RELIABILITY", pynvml.NVML_PERF_POLICY_RELIABILITY),
    _throttle_time("sw_thermal", "CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN"),
    _throttle_time("hw_thermal", "CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN"),
    _throttle_time("hw_power_brake", "CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN"),
    _pcie("gpu.pcie.generation", "nvmlDeviceGetCurrPcieLinkGeneration"),
    _pcie("gpu.pcie.generation.max", "nvmlDeviceGetMaxPcieLinkGeneration"),
    _pcie("gpu.pcie.width", "nvmlDeviceGetCurrPcieLinkWidth"),
    _pcie("gpu.pcie.width.max", "nvmlDeviceGetMaxPcieLinkWidth"),
    Reading("gpu.pcie.replays", (Field("PCIE_REPLAY_COUNTER"), Call("nvmlDeviceGetPcieReplayCounter"))),
    _ecc("corrected", "volatile", "ECC_SBE_VOL_TOTAL"),
    _ecc("uncorrected", "volatile", "ECC_DBE_VOL_TOTAL"),
    _ecc("corrected", "aggregate", "ECC_SBE_AGG_TOTAL"),
    _ecc("uncorrected", "aggregate", "ECC_DBE_AGG_TOTAL"),
    _rows("gpu.rows.remapped", "REMAPPED_COR", 0, "corrected"),
    _rows("gpu.rows.remapped", "REMAPPED_UNC", 1, "uncorrected"),
    _rows("gpu.rows.pending", "REMAPPED_PENDING", 2),
    _rows("gpu.rows.failed", "REMAPPED_FAILURE", 3),
    Reading("gpu.pages.retired", (Field("RETIRED_SBE"),), labels=(("type", "corrected"),)),
    Reading("gpu.pages.retired", (Field("RETIRED_DBE"),), labels=(("type", "uncorrected"),)),
)
"""Every figure that is one number of NVML."""

INSTANCE: tuple[Reading, ...] = (
    _memory("total"),
    _memory("used"),
    _memory("free"),
)
"""What a MIG instance can tell of itself."""

THROTTLE_REASONS = {
    0x4: "power_cap",
    0x8: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal",
    0x40: "hw_thermal",
    0x80: "hw_power_brake",
}
"""Bits of `nvmlDeviceGetCurrentClocksEventReasons` that say that a GPU is slower than it could be; idleness and clocks
that somebody has chosen are none."""
