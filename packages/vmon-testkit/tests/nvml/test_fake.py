"""The fake NVML under the real `pynvml`: the C library and the Python object behave alike."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pynvml
import pytest

from vmon_testkit.nvml import BLANK, Error, FakeNvml, Gpu, Instance, Link, Process, RemoteKind, Scenario, compiler, dgx
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")


@pytest.fixture(params=[pytest.param(True, id="c", marks=needs_compiler), pytest.param(False, id="python")])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., FakeNvml]]:
    """A factory of fakes that `pynvml` is initialized on."""
    with ExitStack() as stack:

        def start(*gpus: Gpu, **machine: Any) -> FakeNvml:
            scenario = Scenario(gpus=gpus or (Gpu(),), **machine)
            fake = stack.enter_context(FakeNvml(scenario, compiled=request.param))
            if not scenario.broken:
                pynvml.nvmlInit()
            return fake

        yield start


def handle(index: int = 0) -> Any:
    """The handle of a GPU."""
    return pynvml.nvmlDeviceGetHandleByIndex(index)


def fails(code: int, name: str, *arguments: Any) -> bool:
    """Whether a call ends with this return code."""
    with pytest.raises(pynvml.NVMLError) as caught:
        getattr(pynvml, name)(*arguments)
    return bool(caught.value.value == code)


def value(identity: int, scope: int = 0, gpu: int = 0) -> tuple[int, int]:
    """The return code and the number of one field value."""
    (found,) = pynvml.nvmlDeviceGetFieldValues(handle(gpu), [(identity, scope)])
    return found.nvmlReturn, found.value.sllVal


def test_versions_and_count(make: Callable[..., FakeNvml]) -> None:
    """The driver says who it is and how many GPUs there are."""
    make(*[Gpu()] * 16, driver="570.1", cuda=12080)
    assert pynvml.nvmlSystemGetDriverVersion() == "570.1"
    assert pynvml.nvmlSystemGetNVMLVersion()
    assert pynvml.nvmlSystemGetCudaDriverVersion() == pynvml.nvmlSystemGetCudaDriverVersion_v2() == 12080
    assert pynvml.nvmlDeviceGetCount() == 16
    assert fails(pynvml.NVML_ERROR_INVALID_ARGUMENT, "nvmlDeviceGetHandleByIndex", 16)


def test_identity(make: Callable[..., FakeNvml]) -> None:
    """Each GPU has names of its own, and is found by them."""
    fake = make(Gpu(), Gpu(name="NVIDIA T4", capability=(7, 5)))
    assert pynvml.nvmlDeviceGetUUID(handle(1)) == fake.uuid(1) != fake.uuid(0)
    assert pynvml.nvmlDeviceGetName(handle(1)) == "NVIDIA T4"
    assert pynvml.nvmlDeviceGetSerial(handle(1))
    assert pynvml.nvmlDeviceGetCudaComputeCapability(handle(1)) == (7, 5)
    assert pynvml.nvmlDeviceGetMinorNumber(handle(1)) == pynvml.nvmlDeviceGetIndex(handle(1)) == 1
    pci = pynvml.nvmlDeviceGetPciInfo(handle(1))
    assert (pci.busId, pci.bus) == ("00000000:11:00.0", 0x11)
    assert pynvml.nvmlDeviceGetIndex(pynvml.nvmlDeviceGetHandleByPciBusId("00000000:11:00.0")) == 1
    assert pynvml.nvmlDeviceGetIndex(pynvml.nvmlDeviceGetHandleByUUID(fake.uuid(1))) == 1
    assert fails(pynvml.NVML_ERROR_NOT_FOUND, "nvmlDeviceGetHandleByUUID", "GPU-none")
    assert fails(pynvml.NVML_ERROR_NOT_FOUND, "nvmlDeviceGetHandleByPciBusId", "00000000:FF:00.0")


def test_telemetry(make: Callable[..., FakeNvml]) -> None:
    """What is set is what is read, each in NVML's unit."""
    make(
        Gpu(
            utilization=93,
            memory_utilization=40,
            memory_used=30 << 30,
            temperature=71,
            power=512_000,
            energy=77,
            sm_clock=1410,
            reasons=4,
            pcie_generation=4,
            pcie_width=8,
            pcie_replays=3,
            power_violation=5,
            thermal_violation=6,
        )
    )
    gpu = handle()
    rates = pynvml.nvmlDeviceGetUtilizationRates(gpu)
    assert (rates.gpu, rates.memory) == (93, 40)
    memory = pynvml.nvmlDeviceGetMemoryInfo(gpu, version=pynvml.nvmlMemory_v2)
    assert (memory.total, memory.used, memory.reserved) == (80 << 30, 30 << 30, 600 << 20)
    assert memory.free == memory.total - memory.used - memory.reserved
    assert pynvml.nvmlDeviceGetMemoryInfo(gpu).used == memory.used + memory.reserved
    assert pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU) == 71
    assert pynvml.nvmlDeviceGetTemperatureThreshold(gpu, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN) == 87
    assert pynvml.nvmlDeviceGetMarginTemperature(gpu) == 16
    assert pynvml.nvmlDeviceGetPowerUsage(gpu) == 512_000
    assert pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu) == 77
    assert pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM) == 1410
    assert pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_MEM) == 2619
    assert pynvml.nvmlDeviceGetMaxClockInfo(gpu, pynvml.NVML_CLOCK_SM) == 1980
    assert pynvml.nvmlDeviceGetCurrentClocksEventReasons(gpu) == 4
    assert pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu) == 4
    assert pynvml.nvmlDeviceGetViolationStatus(gpu, pynvml.NVML_PERF_POLICY_THERMAL).violationTime == 6
    assert pynvml.nvmlDeviceGetCurrPcieLinkGeneration(gpu) == 4
    assert pynvml.nvmlDeviceGetMaxPcieLinkGeneration(gpu) == 5
    assert (pynvml.nvmlDeviceGetCurrPcieLinkWidth(gpu), pynvml.nvmlDeviceGetMaxPcieLinkWidth(gpu)) == (8, 16)
    assert pynvml.nvmlDeviceGetPcieReplayCounter(gpu) == 3
    assert pynvml.nvmlDeviceGetPcieThroughput(gpu, pynvml.NVML_PCIE_UTIL_TX_BYTES) == 1000
    assert value(pynvml.NVML_FI_DEV_PERF_POLICY_POWER) == (0, 5)
    assert value(pynvml.NVML_FI_DEV_POWER_INSTANT) == (0, 512_000)


def test_field_values(make: Callable[..., FakeNvml]) -> None:
    """Each has a return code of its own; blanks, doubles and errors can be set."""
    fields = {82: BLANK, 230: Error.NO_DATA, 220: 1.5, (161, 3): 9}
    make(Gpu(fields=fields, corrected=12))
    assert value(pynvml.NVML_FI_DEV_ECC_SBE_VOL_TOTAL) == (0, 12)
    assert value(pynvml.NVML_FI_DEV_MEMORY_TEMP) == (0, BLANK)
    assert value(pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION)[0] == pynvml.NVML_ERROR_NO_DATA
    assert value(pynvml.NVML_FI_DEV_RETIRED_SBE)[0] == pynvml.NVML_ERROR_NOT_SUPPORTED
    assert value(161, 3) == (0, 9)
    (found,) = pynvml.nvmlDeviceGetFieldValues(handle(), [220])
    assert (found.valueType, found.value.dVal) == (pynvml.NVML_VALUE_TYPE_DOUBLE, 1.5)
    assert found.timestamp > 0


def test_ecc_rows_and_pages(make: Callable[..., FakeNvml]) -> None:
    """Newer GPUs remap rows, older ones retire pages, and some have no ECC."""
    make(
        Gpu(corrected=1, uncorrected=2, corrected_ever=3, uncorrected_ever=4, rows_uncorrected=5, rows_pending=True),
        Gpu(pages_single=2, pages_double=0, pages_pending=True),
        Gpu(ecc=False),
    )
    read = pynvml.nvmlDeviceGetTotalEccErrors
    assert [read(handle(), kind, scope) for kind in (0, 1) for scope in (0, 1)] == [1, 3, 2, 4]
    assert pynvml.nvmlDeviceGetEccMode(handle(2)) == [0, 0]
    assert fails(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetTotalEccErrors", handle(2), 0, 0)
    assert pynvml.nvmlDeviceGetRemappedRows(handle()) == (0, 5, 1, 0)
    assert value(pynvml.NVML_FI_DEV_REMAPPED_PENDING) == (0, 1)
    assert fails(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetRemappedRows", handle(1))
    assert len(pynvml.nvmlDeviceGetRetiredPages(handle(1), 0)) == 2
    assert pynvml.nvmlDeviceGetRetiredPages(handle(1), 1) == []
    assert pynvml.nvmlDeviceGetRetiredPagesPendingStatus(handle(1)) == 1
    assert fails(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetRetiredPages", handle(0), 0)


def test_links(make: Callable[..., FakeNvml]) -> None:
    """NVLinks have a state, a version, errors and another end."""
    links = (Link(), Link(up=False, remote="00000000:17:00.0", remote_kind=RemoteKind.GPU, replays=4, crc=2, sent=8))
    fake = make(Gpu(links=links, fabric_state=3, fabric_health=0x5))
    gpu = handle()
    assert [pynvml.nvmlDeviceGetNvLinkState(gpu, n) for n in (0, 1)] == [1, 0]
    assert pynvml.nvmlDeviceGetNvLinkVersion(gpu, 0) == 4
    assert pynvml.nvmlDeviceGetNvLinkRemoteDeviceType(gpu, 1) == pynvml.NVML_NVLINK_DEVICE_TYPE_GPU
    assert pynvml.nvmlDeviceGetNvLinkRemotePciInfo(gpu, 1).busId == "00000000:17:00.0"
    assert fails(pynvml.NVML_ERROR_INVALID_ARGUMENT, "nvmlDeviceGetNvLinkState", gpu, 2)
    assert value(pynvml.NVML_FI_DEV_NVLINK_LINK_COUNT) == (0, 2)
    assert value(pynvml.NVML_FI_DEV_NVLINK_ERROR_DL_REPLAY, 1) == (0, 4)
    assert value(pynvml.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, 1) == (0, 8)
    fake.change_link(0, 1, up=True)
    assert pynvml.nvmlDeviceGetNvLinkState(gpu, 1) == 1
    fabric = pynvml.c_nvmlGpuFabricInfoV_t()
    pynvml.nvmlDeviceGetGpuFabricInfoV(gpu, pynvml.byref(fabric))
    assert (fabric.state, fabric.status, fabric.healthMask) == (3, 0, 5)


def test_processes_and_mig(make: Callable[..., FakeNvml]) -> None:
    """Instances have handles, ids, memory and processes; the whole device has no utilization then."""
    parts = (Instance(gpu_instance=7, memory_used=1 << 30), Instance(gpu_instance=8))
    fake = make(Gpu(processes=(Process(41, 5 << 20, 7), Process(42)), instances=parts), Gpu(mig=None))
    whole = handle()
    assert pynvml.nvmlDeviceGetMigMode(whole) == [1, 1]
    assert fails(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetMigMode", handle(1))
    assert pynvml.nvmlDeviceGetMaxMigDeviceCount(whole) == 7
    part = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(whole, 0)
    assert fails(pynvml.NVML_ERROR_NOT_FOUND, "nvmlDeviceGetMigDeviceHandleByIndex", whole, 2)
    assert [pynvml.nvmlDeviceIsMigDeviceHandle(each).value for each in (part, whole)] == [1, 0]
    assert (pynvml.nvmlDeviceGetGpuInstanceId(part), pynvml.nvmlDeviceGetComputeInstanceId(part)) == (7, 0)
    assert fails(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetGpuInstanceId", whole)
    assert pynvml.nvmlDeviceGetUUID(part).startswith("MIG-")
    assert pynvml.nvmlDeviceGetMemoryInfo(part, version=pynvml.nvmlMemory_v2).used == 1 << 30
    parent = pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(part)
    assert pynvml.nvmlDeviceGetUUID(parent) == fake.uuid(0)
    assert fails(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetUtilizationRates", whole)
    assert fails(pynvml.NVML_ERROR_NOT_SUPPORTED, "nvmlDeviceGetTemperature", part, 0)
    assert [p.pid for p in pynvml.nvmlDeviceGetComputeRunningProcesses(part)] == [41]
    found = pynvml.nvmlDeviceGetComputeRunningProcesses(whole)
    assert [(p.pid, p.usedGpuMemory) for p in found] == [(41, 5 << 20), (42, None)]
    assert pynvml.nvmlDeviceGetComputeRunningProcesses(handle(1)) == []


def test_power_and_clocks_can_be_set(make: Callable[..., FakeNvml]) -> None:
    """What was set is read back, also by the test, and a later change of something else leaves it."""
    fake = make()
    gpu = handle()
    least, most = pynvml.nvmlDeviceGetPowerManagementLimitConstraints(gpu)
    assert fails(pynvml.NVML_ERROR_INVALID_ARGUMENT, "nvmlDeviceSetPowerManagementLimit", gpu, most + 1)
    pynvml.nvmlDeviceSetPowerManagementLimit(gpu, least)
    pynvml.nvmlDeviceSetGpuLockedClocks(gpu, 900, 1200)
    fake.change(gpu=0, temperature=50)
    assert pynvml.nvmlDeviceGetPowerManagementLimit(gpu) == pynvml.nvmlDeviceGetEnforcedPowerLimit(gpu) == least
    assert fake.scenario.gpus[0].locked_clocks == (900, 1200)
    assert fails(pynvml.NVML_ERROR_INVALID_ARGUMENT, "nvmlDeviceSetGpuLockedClocks", gpu, 2, 1)
    pynvml.nvmlDeviceResetGpuLockedClocks(gpu)
    assert fake.scenario.gpus[0].locked_clocks == (0, 0)
    assert pynvml.nvmlDeviceGetPowerManagementDefaultLimit(gpu) == 700_000
    assert pynvml.nvmlDeviceGetPersistenceMode(gpu) == 1


def test_changes_are_seen_at_once(make: Callable[..., FakeNvml]) -> None:
    """Heat, slowdowns, storms of errors: each while the library runs."""
    fake = make(*dgx(2).gpus)
    gpu = handle(1)
    fake.change(gpu=1, temperature=95, reasons=0x40)
    assert pynvml.nvmlDeviceGetTemperature(gpu, 0) == 95
    assert pynvml.nvmlDeviceGetMarginTemperature(gpu) == -8
    fake.add(1, corrected=1000, thermal_violation=2_000_000)
    fake.add(1, corrected=1000)
    assert value(pynvml.NVML_FI_DEV_ECC_SBE_VOL_TOTAL, gpu=1) == (0, 2000)
    assert value(pynvml.NVML_FI_DEV_PERF_POLICY_THERMAL, gpu=1) == (0, 2_000_000)
    assert value(pynvml.NVML_FI_DEV_ECC_SBE_VOL_TOTAL, gpu=0) == (0, 0)
    fake.change(gpus=fake.scenario.gpus[:1])
    assert pynvml.nvmlDeviceGetCount() == 1


def test_xid_79_loses_the_gpu(make: Callable[..., FakeNvml]) -> None:
    """The event comes first; then every call about the GPU says that it is lost."""
    fake = make(Gpu(), Gpu())
    gpu = handle(1)
    events = pynvml.nvmlEventSetCreate()
    assert pynvml.nvmlDeviceGetSupportedEventTypes(gpu) & pynvml.nvmlEventTypeXidCriticalError
    pynvml.nvmlDeviceRegisterEvents(gpu, pynvml.nvmlEventTypeXidCriticalError, events)
    assert fails(pynvml.NVML_ERROR_TIMEOUT, "nvmlEventSetWait_v2", events, 1)
    fake.event(1, pynvml.nvmlEventTypeClock)
    fake.xid(0, 31)
    fake.xid(1, 79)
    event = pynvml.nvmlEventSetWait_v2(events, 1000)
    assert (event.eventType, event.eventData, event.gpuInstanceId) == (8, 79, 0xFFFFFFFF)
    assert pynvml.cast(event.device, pynvml.c_void_p).value == pynvml.cast(gpu, pynvml.c_void_p).value
    assert fails(pynvml.NVML_ERROR_GPU_IS_LOST, "nvmlEventSetWait_v2", events, 1)
    assert fails(pynvml.NVML_ERROR_GPU_IS_LOST, "nvmlDeviceGetTemperature", gpu, 0)
    assert fails(pynvml.NVML_ERROR_GPU_IS_LOST, "nvmlDeviceGetHandleByIndex", 1)
    assert fails(pynvml.NVML_ERROR_GPU_IS_LOST, "nvmlDeviceGetHandleByUUID", fake.uuid(1))
    assert pynvml.nvmlDeviceGetTemperature(handle(0), 0) == 35
    pynvml.nvmlEventSetFree(events)
    assert fails(pynvml.NVML_ERROR_INVALID_ARGUMENT, "nvmlEventSetWait_v2", events, 1)


def test_event_of_an_instance(make: Callable[..., FakeNvml]) -> None:
    """It names the instance."""
    fake = make()
    events = pynvml.nvmlEventSetCreate()
    pynvml.nvmlDeviceRegisterEvents(handle(), 8, events)
    fake.event(0, 8, 43, instance=7)
    event = pynvml.nvmlEventSetWait_v2(events, 1000)
    assert (event.eventData, event.gpuInstanceId, event.computeInstanceId) == (43, 7, 0)


def test_old_driver_lacks_functions(make: Callable[..., FakeNvml]) -> None:
    """They are no symbols of the library, and `pynvml` says that it found none."""
    make(missing=("nvmlDeviceGetMarginTemperature", "nvmlDeviceGetFieldValues"))
    assert fails(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, "nvmlDeviceGetMarginTemperature", handle())
    assert fails(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, "nvmlDeviceGetFieldValues", handle(), [82])
    assert pynvml.nvmlDeviceGetTemperature(handle(), 0) == 35


def test_errors(make: Callable[..., FakeNvml]) -> None:
    """A function fails for one GPU or for all."""
    make(
        Gpu(errors={"nvmlDeviceGetPowerUsage": Error.NO_PERMISSION}),
        Gpu(),
        errors={"nvmlDeviceGetSerial": Error.UNKNOWN},
    )
    assert fails(pynvml.NVML_ERROR_NO_PERMISSION, "nvmlDeviceGetPowerUsage", handle(0))
    assert pynvml.nvmlDeviceGetPowerUsage(handle(1))
    assert fails(pynvml.NVML_ERROR_UNKNOWN, "nvmlDeviceGetSerial", handle(1))


@pytest.mark.parametrize("error", [Error.DRIVER_NOT_LOADED, Error.LIB_RM_VERSION_MISMATCH])
def test_driver_that_does_not_work(make: Callable[..., FakeNvml], error: Error) -> None:
    """Initializing fails, and works once the driver is there."""
    fake = make(broken=error)
    assert fails(error, "nvmlInit")
    assert fails(pynvml.NVML_ERROR_UNINITIALIZED, "nvmlDeviceGetCount")
    fake.change(broken=None)
    pynvml.nvmlInit()
    assert pynvml.nvmlDeviceGetCount() == 1
    pynvml.nvmlShutdown()
    assert fails(pynvml.NVML_ERROR_UNINITIALIZED, "nvmlDeviceGetCount")


def test_call_hangs_until_it_is_released(make: Callable[..., FakeNvml]) -> None:
    """Only the call that is named, of the GPU that is named."""
    fake = make(Gpu(), Gpu())
    first, second = handle(0), handle(1)
    fake.hang("nvmlDeviceGetTemperature", gpu=1)
    assert pynvml.nvmlDeviceGetTemperature(first, 0) == 35
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(pynvml.nvmlDeviceGetTemperature(second, 0)))
    thread.start()
    wait_until(lambda: fake.hanging)
    assert not done
    fake.release()
    thread.join(20)
    assert done == [35]
    assert fake.hanging == 0


def test_calls_are_counted(make: Callable[..., FakeNvml]) -> None:
    """A test can say how many calls a tick makes."""
    fake = make()
    gpu, before = handle(), fake.calls
    pynvml.nvmlDeviceGetTemperature(gpu, 0)
    pynvml.nvmlDeviceGetFieldValues(gpu, [82, 83])
    assert fake.calls == before + 2


def test_versions_of_structures_are_checked(make: Callable[..., FakeNvml]) -> None:
    """As the real library does it."""
    make()
    memory = pynvml.c_nvmlMemory_v2_t()
    function = pynvml.nvmlLib.nvmlDeviceGetMemoryInfo_v2
    assert function(handle(), pynvml.byref(memory)) == pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH


@needs_compiler
def test_other_process_sees_and_changes_the_same_machine() -> None:
    """By the library path alone; and a change from there is seen here."""
    with FakeNvml(dgx(4)) as fake:
        code = (
            "import pathlib, pynvml, sys; from vmon_testkit.nvml import FakeNvml; pynvml.nvmlInit();"
            "FakeNvml(folder=pathlib.Path(sys.argv[1])).change(gpu=2, temperature=pynvml.nvmlDeviceGetCount())"
        )
        command = [sys.executable, "-c", code, str(fake.folder)]
        subprocess.run(command, env={**os.environ, **fake.environment}, check=True, timeout=60)
        pynvml.nvmlInit()
        assert pynvml.nvmlDeviceGetTemperature(handle(2), 0) == 4
    assert not fake.folder.exists()


def test_without_a_compiled_library_no_other_process_can_use_it() -> None:
    """That is said, rather than leaving the other process without GPUs."""
    with FakeNvml(compiled=False) as fake, pytest.raises(RuntimeError, match="no C compiler"):
        print(fake.environment)


def test_pynvml_is_as_before_afterwards() -> None:
    """A test leaves nothing behind."""
    before = pynvml.nvmlLib
    with FakeNvml(compiled=False):
        assert pynvml.nvmlLib is not before
    assert pynvml.nvmlLib is before
    assert pynvml._nvmlGetFunctionPointer_cache == {}
