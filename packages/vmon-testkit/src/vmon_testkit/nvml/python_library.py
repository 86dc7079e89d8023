# ruff: noqa: ANN401 (arguments are whatever pynvml passes to ctypes)
"""The fake library without a C compiler: an object that `pynvml` calls like a loaded library, in one process only.

It answers from the same memory as `library.c`, function by function; `tests/nvml` holds both to the same behaviour.
"""

from __future__ import annotations

import ctypes
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from vmon_testkit.nvml.layout import NUMBERS, TEXTS, GpuState, Machine, MigInstance
from vmon_testkit.nvml.rendering import NO_INSTANCE
from vmon_testkit.nvml.scenario import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OK = 0
INSUFFICIENT_SIZE = 7
VERSION_MISMATCH = 25
PACE = 0.001
"""Seconds between two looks of a call that waits."""

_Function = Any
"""A function of NVML: its arguments are whatever `pynvml` passes to ctypes."""


class _FailedError(Exception):
    """A call that ends with a return code of NVML."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class PythonLibrary:
    """What `pynvml.nvmlLib` may be.

    Args:
        machine: the memory to answer from.
        missing: functions that it has not.
    """

    def __init__(self, machine: Machine, missing: tuple[str, ...] = ()) -> None:
        self._calls = _Calls(machine)
        self._missing = frozenset(missing)

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name in self._missing or name not in _FUNCTIONS:
            raise AttributeError(name)
        return partial(self._call, name)

    def _call(self, name: str, *arguments: Any) -> int:
        try:
            _FUNCTIONS[name](self._calls, name, *arguments)
        except _FailedError as failed:
            return failed.code
        return OK


class _Calls:
    """What calls have in common: how they begin, and whom they are about."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.users = 0
        self.event_sets: dict[int, _EventSet] = {}

    def enter(self, name: str, gpu: int = -1) -> None:
        if not self.users:
            raise _FailedError(Error.UNINITIALIZED)
        self.machine.calls += 1
        with self._counted(name, gpu):
            while self._told_to_hang(name, gpu):
                time.sleep(PACE)
        for failure in self.machine.failures[: self.machine.failure_count]:
            if failure.function == name.encode() and failure.gpu in (-1, gpu):
                raise _FailedError(failure.result)

    def _told_to_hang(self, name: str, gpu: int) -> bool:
        return self.machine.hang == name.encode() and self.machine.hang_gpu in (-1, gpu)

    @contextmanager
    def _counted(self, name: str, gpu: int) -> Iterator[None]:
        hangs = self._told_to_hang(name, gpu)
        self.machine.hanging += hangs
        yield
        self.machine.hanging -= hangs

    def either(self, name: str, handle: Any) -> tuple[GpuState, MigInstance | None]:
        """The GPU of a handle, and the MIG instance when it is one's."""
        number = _handle(handle)
        index, part = (number & 0xFF) - 1, (number >> 8) - 1
        if not 0 <= index < self.machine.gpu_count:
            raise _FailedError(Error.INVALID_ARGUMENT)
        self.enter(name, index)
        gpu: GpuState = self.machine.gpus[index]
        if gpu.lost:
            raise _FailedError(Error.GPU_IS_LOST)
        return gpu, gpu.instances[part] if part >= 0 else None

    def gpu(self, name: str, handle: Any) -> GpuState:
        """The GPU of a handle; one of an instance is not supported."""
        gpu, part = self.either(name, handle)
        if part is not None:
            raise _FailedError(Error.NOT_SUPPORTED)
        return gpu

    def instance(self, name: str, handle: Any, otherwise: Error = Error.NOT_SUPPORTED) -> MigInstance:
        part = self.either(name, handle)[1]
        if part is None:
            raise _FailedError(otherwise)
        return part

    def link(self, name: str, handle: Any, number: Any) -> Any:
        gpu = self.gpu(name, handle)
        if _int(number) >= gpu.link_count:
            raise _FailedError(Error.INVALID_ARGUMENT)
        return gpu.links[_int(number)]


class _EventSet:
    def __init__(self, seen: int) -> None:
        self.seen = seen
        self.wanted: dict[int, int] = {}


# --- objects of ctypes ---


def _int(value: Any) -> int:
    return int(getattr(value, "value", value))


def _handle(value: Any) -> int:
    return ctypes.cast(value, ctypes.c_void_p).value or 0


def _at(reference: Any) -> Any:
    return getattr(reference, "_obj", reference)


def _put(reference: Any, value: int) -> None:
    _at(reference).value = value


def _point(reference: Any, number: int) -> None:
    ctypes.c_size_t.from_address(ctypes.addressof(_at(reference))).value = number


def _copy(buffer: Any, length: Any, text: bytes) -> None:
    if len(text) >= _int(length):
        raise _FailedError(INSUFFICIENT_SIZE)
    buffer.value = text


# --- the library and the driver ---


def _init(calls: _Calls, name: str, _flags: Any) -> None:
    calls.users += 1
    try:
        calls.enter(name)
    except _FailedError:
        calls.users -= 1
        raise
    if calls.machine.broken:
        calls.users -= 1
        raise _FailedError(calls.machine.broken)


def _shutdown(calls: _Calls, name: str) -> None:
    calls.enter(name)
    calls.users -= 1


def _machine_text(member: str) -> _Function:
    def tell(calls: _Calls, name: str, text: Any, length: Any) -> None:
        calls.enter(name)
        _copy(text, length, getattr(calls.machine, member))

    return tell


def _machine_number(member: str) -> _Function:
    def tell(calls: _Calls, name: str, value: Any) -> None:
        calls.enter(name)
        _put(value, getattr(calls.machine, member))

    return tell


def _by_index(calls: _Calls, name: str, index: Any, device: Any) -> None:
    if _int(index) >= calls.machine.gpu_count:
        raise _FailedError(Error.INVALID_ARGUMENT)
    _point(device, _int(index) + 1)
    calls.either(name, _at(device))


def _by_text(member: str) -> _Function:
    def find(calls: _Calls, name: str, text: Any, device: Any) -> None:
        calls.enter(name)
        for index in range(calls.machine.gpu_count):
            if getattr(calls.machine.gpus[index], member).lower() == text.value.lower():
                _point(device, index + 1)
                if calls.machine.gpus[index].lost:
                    raise _FailedError(Error.GPU_IS_LOST)
                return
        raise _FailedError(Error.NOT_FOUND)

    return find


# --- one GPU ---


def _number(member: str) -> _Function:
    def tell(calls: _Calls, name: str, device: Any, value: Any) -> None:
        _put(value, getattr(calls.gpu(name, device), member))

    return tell


def _pair(one: str, other: str) -> _Function:
    def tell(calls: _Calls, name: str, device: Any, first: Any, second: Any) -> None:
        gpu, _ = calls.either(name, device)
        _put(first, getattr(gpu, one))
        _put(second, getattr(gpu, other))

    return tell


def _text(member: str) -> _Function:
    def tell(calls: _Calls, name: str, device: Any, text: Any, length: Any) -> None:
        gpu, part = calls.either(name, device)
        _copy(text, length, part.uuid if part is not None and member == "uuid" else getattr(gpu, member))

    return tell


def _index(calls: _Calls, name: str, device: Any, value: Any) -> None:
    calls.gpu(name, device)
    _put(value, _handle(device) - 1)


def _fill_pci(pci: Any, address: bytes) -> None:
    pci.busId = address
    pci.domain, pci.bus, pci.device = (int(part, 16) for part in address.split(b".")[0].split(b":"))
    pci.busIdLegacy = f"{pci.domain & 0xFFFF:04X}:{pci.bus:02X}:{pci.device:02X}.0".encode()


def _pci(calls: _Calls, name: str, device: Any, pci: Any) -> None:
    _fill_pci(_at(pci), calls.gpu(name, device).pci)


def _utilization(calls: _Calls, name: str, device: Any, rates: Any) -> None:
    gpu = calls.gpu(name, device)
    if gpu.mig:
        raise _FailedError(Error.NOT_SUPPORTED)
    _at(rates).gpu, _at(rates).memory = gpu.utilization, gpu.memory_utilization


def _memory(calls: _Calls, name: str, device: Any, memory: Any) -> None:
    gpu, part = calls.either(name, device)
    found = _at(memory)
    found.total = gpu.memory_total if part is None else part.memory_total
    found.used = gpu.memory_used + gpu.memory_reserved if part is None else part.memory_used
    found.free = found.total - found.used


def _memory_2(calls: _Calls, name: str, device: Any, memory: Any) -> None:
    gpu, part = calls.either(name, device)
    found = _at(memory)
    _check_version(found, 2)
    found.total = gpu.memory_total if part is None else part.memory_total
    found.used = gpu.memory_used if part is None else part.memory_used
    found.reserved = gpu.memory_reserved if part is None else 0
    found.free = found.total - found.used - found.reserved


def _check_version(structure: Any, number: int) -> None:
    if structure.version != (ctypes.sizeof(structure) | number << 24):
        raise _FailedError(VERSION_MISMATCH)


def _temperature(calls: _Calls, name: str, device: Any, sensor: Any, degrees: Any) -> None:
    gpu = calls.gpu(name, device)
    if _int(sensor):
        raise _FailedError(Error.INVALID_ARGUMENT)
    _put(degrees, gpu.temperature)


def _choice(*members: str, otherwise: int = Error.NOT_SUPPORTED) -> _Function:
    """A function whose argument chooses one of these numbers."""

    def tell(calls: _Calls, name: str, device: Any, which: Any, value: Any) -> None:
        gpu = calls.gpu(name, device)
        if _int(which) >= len(members):
            raise _FailedError(otherwise)
        _put(value, getattr(gpu, members[_int(which)]))

    return tell


def _margin(calls: _Calls, name: str, device: Any, margin: Any) -> None:
    gpu = calls.gpu(name, device)
    _check_version(_at(margin), 1)
    _at(margin).marginTemperature = gpu.margin


def _set_limit(calls: _Calls, name: str, device: Any, limit: Any) -> None:
    gpu = calls.gpu(name, device)
    if not gpu.power_limit_min <= _int(limit) <= gpu.power_limit_max:
        raise _FailedError(Error.INVALID_ARGUMENT)
    gpu.power_limit = _int(limit)


def _lock_clocks(calls: _Calls, name: str, device: Any, least: Any = 0, most: Any = 0) -> None:
    gpu = calls.gpu(name, device)
    if _int(least) > _int(most):
        raise _FailedError(Error.INVALID_ARGUMENT)
    gpu.locked_min, gpu.locked_max = _int(least), _int(most)


def _violation(calls: _Calls, name: str, device: Any, policy: Any, times: Any) -> None:
    gpu = calls.gpu(name, device)
    if _int(policy) >= len(gpu.violations):
        raise _FailedError(Error.NOT_SUPPORTED)
    _at(times).violationTime = gpu.violations[_int(policy)]


def _throughput(calls: _Calls, name: str, device: Any, counter: Any, kilobytes: Any) -> None:
    calls.gpu(name, device)
    if _int(counter) > 1:
        raise _FailedError(Error.INVALID_ARGUMENT)
    _put(kilobytes, 1000)


def _ecc_errors(calls: _Calls, name: str, device: Any, kind: Any, scope: Any, count: Any) -> None:  # noqa: PLR0913, PLR0917 (NVML's)
    gpu = calls.gpu(name, device)
    if not gpu.ecc:
        raise _FailedError(Error.NOT_SUPPORTED)
    members = (("corrected", "corrected_ever"), ("uncorrected", "uncorrected_ever"))
    if _int(kind) > 1 or _int(scope) > 1:
        raise _FailedError(Error.INVALID_ARGUMENT)
    _put(count, getattr(gpu, members[_int(kind)][_int(scope)]))


def _rows(calls: _Calls, name: str, device: Any, *counts: Any) -> None:
    gpu = calls.gpu(name, device)
    for place, member in zip(counts, ("corrected", "uncorrected", "pending", "failed"), strict=True):
        _put(place, getattr(gpu, f"rows_{member}"))


def _pages(calls: _Calls, name: str, device: Any, cause: Any, count: Any, addresses: Any) -> None:  # noqa: PLR0913, PLR0917 (NVML's)
    gpu = calls.gpu(name, device)
    have, room = gpu.pages_double if _int(cause) else gpu.pages_single, _at(count).value
    _put(count, have)
    if have and (addresses is None or room < have):
        raise _FailedError(INSUFFICIENT_SIZE)
    for number in range(have if addresses is not None else 0):
        addresses[number] = 0x1000 * (number + 1)


def _field_values(calls: _Calls, name: str, device: Any, count: Any, values: Any) -> None:
    gpu = calls.gpu(name, device)
    known = {(field.id, field.scope): field for field in gpu.fields[: gpu.field_count]}
    for value in _at(values)[: _int(count)]:
        value.timestamp = time.time_ns() // 1000
        field = known.get((value.fieldId, value.scopeId))
        if field is None:
            value.nvmlReturn = Error.NOT_SUPPORTED
        else:
            value.valueType, value.nvmlReturn, value.value.sllVal = field.type, field.result, field.value


# --- NVLink and the fabric ---


def _link_number(member: str) -> _Function:
    def tell(calls: _Calls, name: str, device: Any, number: Any, value: Any) -> None:
        _put(value, getattr(calls.link(name, device, number), member))

    return tell


def _link_pci(calls: _Calls, name: str, device: Any, number: Any, pci: Any) -> None:
    _fill_pci(_at(pci), calls.link(name, device, number).remote)


def _fabric(calls: _Calls, name: str, device: Any, fabric: Any) -> None:
    gpu, found = calls.gpu(name, device), _at(fabric)
    _check_version(found, 2)
    found.state, found.status, found.healthMask = gpu.fabric_state, gpu.fabric_status, gpu.fabric_health


# --- processes and MIG ---


def _processes(calls: _Calls, name: str, device: Any, count: Any, processes: Any) -> None:
    gpu, part = calls.either(name, device)
    entries = [
        entry for entry in gpu.processes[: gpu.process_count] if part is None or entry.instance == part.gpu_instance
    ]
    room = _at(count).value
    _put(count, len(entries))
    if entries and (processes is None or room < len(entries)):
        raise _FailedError(INSUFFICIENT_SIZE)
    for place, entry in zip(processes or (), entries, strict=False):
        place.pid, place.usedGpuMemory, place.gpuInstanceId = entry.pid, entry.memory, entry.instance
        place.computeInstanceId = NO_INSTANCE if entry.instance == NO_INSTANCE else 0


def _max_instances(calls: _Calls, name: str, device: Any, count: Any) -> None:
    _put(count, len(calls.gpu(name, device).instances) - 1)


def _instance_handle(calls: _Calls, name: str, device: Any, index: Any, part: Any) -> None:
    if _int(index) >= calls.gpu(name, device).instance_count:
        raise _FailedError(Error.NOT_FOUND)
    _point(part, _handle(device) | (_int(index) + 1) << 8)


def _is_instance(calls: _Calls, name: str, device: Any, answer: Any) -> None:
    _put(answer, calls.either(name, device)[1] is not None)


def _whole(calls: _Calls, name: str, device: Any, whole: Any) -> None:
    calls.instance(name, device, Error.INVALID_ARGUMENT)
    _point(whole, _handle(device) & 0xFF)


def _instance_number(member: str) -> _Function:
    def tell(calls: _Calls, name: str, device: Any, value: Any) -> None:
        _put(value, getattr(calls.instance(name, device), member))

    return tell


# --- events ---


def _supported_events(calls: _Calls, name: str, device: Any, types: Any) -> None:
    calls.gpu(name, device)
    _put(types, 0x1 | 0x2 | 0x8 | 0x10 | 0x200 | 0x400 | 0x800 | 0x4000 | 0x8000)


def _create_set(calls: _Calls, name: str, handle: Any) -> None:
    calls.enter(name)
    number = max(calls.event_sets, default=0) + 1
    calls.event_sets[number] = _EventSet(calls.machine.event_count)
    _point(handle, number)


def _event_set(calls: _Calls, handle: Any) -> _EventSet:
    found = calls.event_sets.get(_handle(handle))
    if found is None:
        raise _FailedError(Error.INVALID_ARGUMENT)
    return found


def _free_set(calls: _Calls, name: str, handle: Any) -> None:
    calls.enter(name)
    _event_set(calls, handle)
    del calls.event_sets[_handle(handle)]


def _register(calls: _Calls, name: str, device: Any, types: Any, handle: Any) -> None:
    calls.gpu(name, device)
    wanted = _event_set(calls, handle).wanted
    index = _handle(device) - 1
    wanted[index] = wanted.get(index, 0) | _int(types)


def _wait(calls: _Calls, name: str, handle: Any, event: Any, milliseconds: Any) -> None:
    calls.enter(name)
    found = _event_set(calls, handle)
    end = time.monotonic() + _int(milliseconds) / 1000
    while not _next_event(calls.machine, found, _at(event)):
        if any(calls.machine.gpus[index].lost for index in found.wanted):
            raise _FailedError(Error.GPU_IS_LOST)
        if time.monotonic() >= end:
            raise _FailedError(Error.TIMEOUT)
        time.sleep(PACE)


def _next_event(machine: Machine, events: _EventSet, event: Any) -> bool:
    while events.seen != machine.event_count:
        entry = machine.events[events.seen % len(machine.events)]
        events.seen += 1
        if not events.wanted.get(entry.gpu, 0) & entry.type:
            continue
        ctypes.c_size_t.from_address(ctypes.addressof(event)).value = entry.gpu + 1
        event.eventType, event.eventData, event.gpuInstanceId = entry.type, entry.data, entry.instance
        event.computeInstanceId = NO_INSTANCE if entry.instance == NO_INSTANCE else 0
        return True
    return False


_FUNCTIONS: Mapping[str, _Function] = {
    "nvmlInitWithFlags": _init,
    "nvmlShutdown": _shutdown,
    "nvmlSystemGetDriverVersion": _machine_text("driver"),
    "nvmlSystemGetNVMLVersion": _machine_text("nvml"),
    "nvmlSystemGetCudaDriverVersion": _machine_number("cuda"),
    "nvmlSystemGetCudaDriverVersion_v2": _machine_number("cuda"),
    "nvmlDeviceGetCount_v2": _machine_number("gpu_count"),
    "nvmlDeviceGetHandleByIndex_v2": _by_index,
    "nvmlDeviceGetHandleByUUID": _by_text("uuid"),
    "nvmlDeviceGetHandleByPciBusId_v2": _by_text("pci"),
    "nvmlDeviceGetIndex": _index,
    "nvmlDeviceGetMinorNumber": _index,
    **{name: _number(member) for name, (_, member) in NUMBERS.items()},
    **{name: _text(member) for name, member in TEXTS.items()},
    "nvmlDeviceGetPciInfo_v3": _pci,
    "nvmlDeviceGetCudaComputeCapability": _pair("capability_major", "capability_minor"),
    "nvmlDeviceGetUtilizationRates": _utilization,
    "nvmlDeviceGetMemoryInfo": _memory,
    "nvmlDeviceGetMemoryInfo_v2": _memory_2,
    "nvmlDeviceGetTemperature": _temperature,
    "nvmlDeviceGetTemperatureThreshold": _choice("shutdown_temperature", "slowdown_temperature"),
    "nvmlDeviceGetMarginTemperature": _margin,
    "nvmlDeviceGetPowerManagementLimitConstraints": _pair("power_limit_min", "power_limit_max"),
    "nvmlDeviceSetPowerManagementLimit": _set_limit,
    "nvmlDeviceSetGpuLockedClocks": _lock_clocks,
    "nvmlDeviceResetGpuLockedClocks": _lock_clocks,
    "nvmlDeviceGetClockInfo": _choice("sm_clock", "sm_clock", "memory_clock"),
    "nvmlDeviceGetMaxClockInfo": _choice("sm_clock_max", "sm_clock_max", "memory_clock_max"),
    "nvmlDeviceGetViolationStatus": _violation,
    "nvmlDeviceGetPcieThroughput": _throughput,
    "nvmlDeviceGetEccMode": _pair("ecc", "ecc"),
    "nvmlDeviceGetTotalEccErrors": _ecc_errors,
    "nvmlDeviceGetRemappedRows": _rows,
    "nvmlDeviceGetRetiredPages": _pages,
    "nvmlDeviceGetFieldValues": _field_values,
    "nvmlDeviceGetNvLinkState": _link_number("up"),
    "nvmlDeviceGetNvLinkVersion": _link_number("version"),
    "nvmlDeviceGetNvLinkRemoteDeviceType": _link_number("remote_kind"),
    "nvmlDeviceGetNvLinkRemotePciInfo_v2": _link_pci,
    "nvmlDeviceGetGpuFabricInfoV": _fabric,
    "nvmlDeviceGetComputeRunningProcesses_v3": _processes,
    "nvmlDeviceGetMigMode": _pair("mig", "mig"),
    "nvmlDeviceGetMaxMigDeviceCount": _max_instances,
    "nvmlDeviceGetMigDeviceHandleByIndex": _instance_handle,
    "nvmlDeviceIsMigDeviceHandle": _is_instance,
    "nvmlDeviceGetDeviceHandleFromMigDeviceHandle": _whole,
    "nvmlDeviceGetGpuInstanceId": _instance_number("gpu_instance"),
    "nvmlDeviceGetComputeInstanceId": _instance_number("compute_instance"),
    "nvmlDeviceGetSupportedEventTypes": _supported_events,
    "nvmlEventSetCreate": _create_set,
    "nvmlEventSetFree": _free_set,
    "nvmlDeviceRegisterEvents": _register,
    "nvmlEventSetWait_v2": _wait,
}
"""Every function that it has."""
