"""From a scenario to the memory that the fake library answers from."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from vmon_testkit.nvml.layout import (
    Failure,
    FieldValue,
    GpuState,
    LinkState,
    Machine,
    MigInstance,
    ProcessEntry,
)
from vmon_testkit.nvml.scenario import Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmon_testkit.nvml.scenario import Gpu, Instance, Link, Scenario, Value

NO_INSTANCE = 0xFFFFFFFF
"""NVML's word for "no MIG instance"."""

NOT_TOLD = 0xFFFFFFFFFFFFFFFF
"""NVML's word for memory of a process that it cannot tell."""

_DOUBLE, _UNSIGNED = 0, 3

_SAME = frozenset(name for name, *_ in GpuState._fields_) - {
    *("uuid", "pci", "serial", "margin", "pages_single", "pages_double", "fabric_state", "mig"),
    *("fields", "links", "processes", "instances"),
}
"""Members that a `Gpu` has under the same name; those of them that it lacks are counts."""


def fill(machine: Machine, scenario: Scenario) -> None:
    """Write all of a scenario into the memory; events, calls and hangs stay."""
    machine.driver, machine.nvml = scenario.driver.encode(), scenario.nvml.encode()
    machine.cuda, machine.broken = scenario.cuda, scenario.broken or 0
    for index, gpu in enumerate(scenario.gpus):
        machine.gpus[index] = gpu_state(index, gpu)
    machine.gpu_count = len(scenario.gpus)
    failures = list(_failures(scenario))
    machine.failure_count = _put(machine.failures, failures)


def _failures(scenario: Scenario) -> Iterator[Failure]:
    for name, error in scenario.errors.items():
        yield Failure(name.encode(), -1, error)
    for index, gpu in enumerate(scenario.gpus):
        for name, error in {**_lacking(gpu), **gpu.errors}.items():
            yield Failure(name.encode(), index, error)


def _lacking(gpu: Gpu) -> dict[str, Error]:
    """Functions that a model does not support."""
    return {
        name: Error.NOT_SUPPORTED
        for name, lacks in (
            ("nvmlDeviceGetRetiredPages", gpu.pages_single is None),
            ("nvmlDeviceGetRetiredPagesPendingStatus", gpu.pages_single is None),
            ("nvmlDeviceGetRemappedRows", gpu.pages_single is not None),
            ("nvmlDeviceGetMigMode", gpu.mig is None),
            ("nvmlDeviceGetMaxMigDeviceCount", gpu.mig is None),
        )
        if lacks
    }


def uuid_of(index: int, gpu: Gpu) -> str:
    """The UUID of a GPU that has none of its own."""
    return gpu.uuid or f"GPU-{index:08x}-0000-4000-8000-{index:012x}"


def pci_of(index: int, gpu: Gpu) -> str:
    """The PCI address, as NVML writes it, of a GPU that has none of its own."""
    return gpu.pci or f"00000000:{0x10 + index:02X}:00.0"


def gpu_state(index: int, gpu: Gpu) -> GpuState:
    """Write one GPU."""
    same = {name: getattr(gpu, name) for name in _SAME if hasattr(gpu, name)}
    state = GpuState(
        **{name: value.encode() if isinstance(value, str) else value for name, value in same.items()},
        uuid=uuid_of(index, gpu).encode(),
        pci=pci_of(index, gpu).encode(),
        serial=(gpu.serial or f"13{index:08d}").encode(),
        margin=gpu.slowdown_temperature - gpu.temperature,
        capability_major=gpu.capability[0],
        capability_minor=gpu.capability[1],
        locked_min=gpu.locked_clocks[0],
        locked_max=gpu.locked_clocks[1],
        pages_single=gpu.pages_single or 0,
        pages_double=gpu.pages_double or 0,
        fabric_state=gpu.fabric_state or 0,
        mig=bool(gpu.mig or gpu.instances),
    )
    for policy, nanoseconds in _violations(gpu).items():
        state.violations[policy] = nanoseconds
    state.link_count = _put(state.links, [_link(link) for link in gpu.links])
    state.instance_count = _put(state.instances, [_instance(index, part) for part in gpu.instances])
    entries = [
        ProcessEntry(
            p.pid, NO_INSTANCE if p.instance is None else p.instance, NOT_TOLD if p.memory is None else p.memory
        )
        for p in gpu.processes
    ]
    state.process_count = _put(state.processes, entries)
    values = {**dict(_values(gpu)), **{_scoped(key): value for key, value in gpu.fields.items()}}
    state.field_count = _put(state.fields, [_field(*key, value) for key, value in values.items()])
    return state


def _violations(gpu: Gpu) -> Mapping[int, int]:
    return {**dict.fromkeys(range(6), 0), 0: gpu.power_violation, 1: gpu.thermal_violation, **gpu.other_violations}


def _put(array: Any, items: list[Any]) -> int:  # noqa: ANN401 (arrays of ctypes have no common type)
    for position, item in enumerate(items):
        array[position] = item
    return len(items)


def _link(link: Link) -> LinkState:
    return LinkState(link.up, link.version, link.remote_kind, link.remote.encode())


def _instance(index: int, part: Instance) -> MigInstance:
    ids = part.gpu_instance, part.compute_instance
    uuid = part.uuid or f"MIG-{index:08x}-{ids[0]:04x}-{ids[1]:04x}-8000-000000000000"
    return MigInstance(uuid.encode(), *ids, part.memory_total, part.memory_used)


def _scoped(key: int | tuple[int, int]) -> tuple[int, int]:
    return key if isinstance(key, tuple) else (key, 0)


def _field(identity: int, scope: int, value: Value) -> FieldValue:
    if isinstance(value, Error):
        return FieldValue(identity, scope, _UNSIGNED, value, 0)
    if isinstance(value, float):
        return FieldValue(identity, scope, _DOUBLE, 0, struct.unpack("q", struct.pack("d", value))[0])
    return FieldValue(identity, scope, _UNSIGNED, 0, value)


def _values(gpu: Gpu) -> Iterator[tuple[tuple[int, int], Value]]:
    """The field values of a GPU; the numbers are those of NVML_FI_DEV_…, the commonest in the order of nvml.h."""
    plain: dict[int, Value | None] = {
        1: int(gpu.ecc),
        3: gpu.corrected if gpu.ecc else None,
        4: gpu.uncorrected if gpu.ecc else None,
        5: gpu.corrected_ever if gpu.ecc else None,
        6: gpu.uncorrected_ever if gpu.ecc else None,
        29: gpu.pages_single,
        30: gpu.pages_double,
        31: int(gpu.pages_pending) if gpu.pages_single is not None else None,
        **{74 + policy: nanoseconds for policy, nanoseconds in _violations(gpu).items()},
        82: gpu.memory_temperature,
        83: gpu.energy,
        91: len(gpu.links),
        94: gpu.pcie_replays,
        185: gpu.power,
        186: gpu.power,
        187: gpu.power_limit_min,
        188: gpu.power_limit_max,
        189: gpu.power_limit_default,
        190: gpu.power_limit,
        197: gpu.pcie_sent,
        198: gpu.pcie_received,
        230: gpu.recovery,
        **(dict(zip((142, 143, 144, 145), _rows(gpu), strict=True)) if gpu.pages_single is None else {}),
    }
    for identity, value in plain.items():
        if value is not None:
            yield (identity, 0), value
    for number, link in enumerate(gpu.links):
        yield from (((identity, number), value) for identity, value in _link_values(link).items())


def _rows(gpu: Gpu) -> tuple[int, int, int, int]:
    return gpu.rows_corrected, gpu.rows_uncorrected, int(gpu.rows_pending), int(gpu.rows_failed)


def _link_values(link: Link) -> dict[int, int]:
    return {
        138: link.sent,
        139: link.received,
        161: link.replays,
        162: link.recoveries,
        163: link.crc,
        165: int(link.up),
        166: link.version,
    }
