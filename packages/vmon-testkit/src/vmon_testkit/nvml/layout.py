"""The memory that a scenario lies in, shared by tests and the fake library: the C declarations are made from these."""

from __future__ import annotations

import ctypes
from ctypes import Array, Structure, c_char, c_int32, c_int64, c_uint32, c_uint64
from typing import TYPE_CHECKING, Any

from vmon_testkit.nvml.scenario import MOST_GPUS

if TYPE_CHECKING:
    from collections.abc import Iterator

_C_TYPES = {c_int32: "int32_t", c_uint32: "uint32_t", c_int64: "int64_t", c_uint64: "uint64_t", c_char: "char"}


class FieldValue(Structure):
    """One value that `nvmlDeviceGetFieldValues` gives; `value` holds the bits, whatever the type."""

    _fields_ = (
        ("id", c_uint32),
        ("scope", c_uint32),
        ("type", c_int32),
        ("result", c_int32),
        ("value", c_int64),
    )


class LinkState(Structure):
    """One NVLink."""

    _fields_ = (("up", c_uint32), ("version", c_uint32), ("remote_kind", c_uint32), ("remote", c_char * 32))


class ProcessEntry(Structure):
    """One process."""

    _fields_ = (("pid", c_uint32), ("instance", c_uint32), ("memory", c_uint64))


class MigInstance(Structure):
    """One MIG instance."""

    _fields_ = (
        ("uuid", c_char * 96),
        ("gpu_instance", c_uint32),
        ("compute_instance", c_uint32),
        ("memory_total", c_uint64),
        ("memory_used", c_uint64),
    )


class Failure(Structure):
    """A function that fails; `gpu` is -1 for all."""

    _fields_ = (("function", c_char * 64), ("gpu", c_int32), ("result", c_int32))


class GpuState(Structure):
    """One GPU."""

    _fields_ = (
        ("uuid", c_char * 96),
        ("name", c_char * 96),
        ("serial", c_char * 32),
        ("pci", c_char * 32),
        ("lost", c_uint32),
        ("capability_major", c_int32),
        ("capability_minor", c_int32),
        ("utilization", c_uint32),
        ("memory_utilization", c_uint32),
        ("temperature", c_uint32),
        ("margin", c_int32),
        ("slowdown_temperature", c_uint32),
        ("shutdown_temperature", c_uint32),
        ("power", c_uint32),
        ("power_limit", c_uint32),
        ("power_limit_min", c_uint32),
        ("power_limit_max", c_uint32),
        ("power_limit_default", c_uint32),
        ("sm_clock", c_uint32),
        ("memory_clock", c_uint32),
        ("sm_clock_max", c_uint32),
        ("memory_clock_max", c_uint32),
        ("locked_min", c_uint32),
        ("locked_max", c_uint32),
        ("pcie_generation", c_uint32),
        ("pcie_generation_max", c_uint32),
        ("pcie_width", c_uint32),
        ("pcie_width_max", c_uint32),
        ("pcie_replays", c_uint32),
        ("ecc", c_uint32),
        ("rows_corrected", c_uint32),
        ("rows_uncorrected", c_uint32),
        ("rows_pending", c_uint32),
        ("rows_failed", c_uint32),
        ("pages_single", c_uint32),
        ("pages_double", c_uint32),
        ("pages_pending", c_uint32),
        ("fabric_state", c_uint32),
        ("fabric_status", c_uint32),
        ("fabric_health", c_uint32),
        ("persistence", c_uint32),
        ("mig", c_uint32),
        ("memory_total", c_uint64),
        ("memory_used", c_uint64),
        ("memory_reserved", c_uint64),
        ("energy", c_uint64),
        ("reasons", c_uint64),
        ("corrected", c_uint64),
        ("uncorrected", c_uint64),
        ("corrected_ever", c_uint64),
        ("uncorrected_ever", c_uint64),
        ("violations", c_uint64 * 8),
        ("field_count", c_uint32),
        ("link_count", c_uint32),
        ("process_count", c_uint32),
        ("instance_count", c_uint32),
        ("fields", FieldValue * 384),
        ("links", LinkState * 36),
        ("processes", ProcessEntry * 64),
        ("instances", MigInstance * 8),
    )


class EventEntry(Structure):
    """One event."""

    _fields_ = (("gpu", c_uint32), ("instance", c_uint32), ("type", c_uint64), ("data", c_uint64))


class Machine(Structure):
    """All of it.

    `hang` names a function that does not return while it is named, for GPU `hang_gpu` (-1 for any); `hanging` counts
    the calls that hang, `calls` all calls.
    """

    _fields_ = (
        ("driver", c_char * 80),
        ("nvml", c_char * 80),
        ("cuda", c_int32),
        ("broken", c_int32),
        ("gpu_count", c_uint32),
        ("hang_gpu", c_int32),
        ("hang", c_char * 64),
        ("hanging", c_uint32),
        ("failure_count", c_uint32),
        ("calls", c_uint64),
        ("event_count", c_uint32),
        ("failures", Failure * 64),
        ("events", EventEntry * 256),
        ("gpus", GpuState * MOST_GPUS),
    )


NUMBERS = {
    "nvmlDeviceGetPowerUsage": (c_uint32, "power"),
    "nvmlDeviceGetEnforcedPowerLimit": (c_uint32, "power_limit"),
    "nvmlDeviceGetPowerManagementLimit": (c_uint32, "power_limit"),
    "nvmlDeviceGetPowerManagementDefaultLimit": (c_uint32, "power_limit_default"),
    "nvmlDeviceGetTotalEnergyConsumption": (c_uint64, "energy"),
    "nvmlDeviceGetCurrentClocksEventReasons": (c_uint64, "reasons"),
    "nvmlDeviceGetCurrentClocksThrottleReasons": (c_uint64, "reasons"),
    "nvmlDeviceGetCurrPcieLinkGeneration": (c_uint32, "pcie_generation"),
    "nvmlDeviceGetMaxPcieLinkGeneration": (c_uint32, "pcie_generation_max"),
    "nvmlDeviceGetCurrPcieLinkWidth": (c_uint32, "pcie_width"),
    "nvmlDeviceGetMaxPcieLinkWidth": (c_uint32, "pcie_width_max"),
    "nvmlDeviceGetPcieReplayCounter": (c_uint32, "pcie_replays"),
    "nvmlDeviceGetRetiredPagesPendingStatus": (c_uint32, "pages_pending"),
    "nvmlDeviceGetPersistenceMode": (c_uint32, "persistence"),
}
"""Functions that give one number of a GPU: its type, and where it is."""

TEXTS = {"nvmlDeviceGetUUID": "uuid", "nvmlDeviceGetName": "name", "nvmlDeviceGetSerial": "serial"}
"""Functions that give one text of a GPU."""

STRUCTURES: tuple[type[Structure], ...] = (
    FieldValue,
    LinkState,
    ProcessEntry,
    MigInstance,
    Failure,
    GpuState,
    EventEntry,
    Machine,
)


def header() -> str:
    """The C declarations of the memory and of the functions that only read a number or a text of it."""
    structures = "".join(_declaration(each) for each in STRUCTURES)
    numbers = " ".join(f"X({name}, {_C_TYPES[kind]}, {member})" for name, (kind, member) in NUMBERS.items())
    texts = " ".join(f"X({name}, {member})" for name, member in TEXTS.items())
    return f"#include <stdint.h>\n{structures}#define NUMBERS(X) {numbers}\n#define TEXTS(X) {texts}\n"


def _declaration(structure: type[Structure]) -> str:
    name = structure.__name__
    size = f'_Static_assert(sizeof({name}) == {ctypes.sizeof(structure)}, "{name}");\n'
    return f"typedef struct {{ {' '.join(_members(structure))} }} {name};\n{size}"


def _members(structure: Any) -> Iterator[str]:  # noqa: ANN401 (a class of ctypes, with its own kind of fields)
    for name, kind, *_ in structure._fields_:
        if issubclass(kind, Array):
            yield f"{_type_name(kind._type_)} {name}[{kind._length_}];"
        else:
            yield f"{_type_name(kind)} {name};"


def _type_name(kind: Any) -> str:  # noqa: ANN401 (as above)
    return _C_TYPES.get(kind) or str(kind.__name__)
