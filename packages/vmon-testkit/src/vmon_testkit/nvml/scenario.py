"""What a fake machine with NVIDIA GPUs looks like: plain records, in NVML's own units."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import attrs

BLANK = 0x7FFFFFFFFFFFFFF0
"""What some drivers write where they have no value: a huge number with a return code of success."""

MOST_GPUS = 16
"""GPUs of the largest machine."""


class Error(IntEnum):
    """NVML's return codes, as far as tests inject them."""

    UNINITIALIZED = 1
    INVALID_ARGUMENT = 2
    NOT_SUPPORTED = 3
    NO_PERMISSION = 4
    NOT_FOUND = 6
    DRIVER_NOT_LOADED = 9
    TIMEOUT = 10
    GPU_IS_LOST = 15
    RESET_REQUIRED = 16
    LIB_RM_VERSION_MISMATCH = 18
    NO_DATA = 21
    UNKNOWN = 999


Value = int | float | Error
"""A field value, or why there is none."""


class RemoteKind(IntEnum):
    """What is at the other end of an NVLink."""

    GPU = 0
    CPU = 1
    SWITCH = 2
    UNKNOWN = 255


@attrs.frozen(kw_only=True)
class Link:
    """One NVLink of a GPU.

    Attributes:
        up: whether it is active.
        remote: the PCI address of the other end.
        remote_kind: what that is.
        version: of NVLink.
        replays, recoveries, crc: errors so far.
        sent, received: KiB so far.
    """

    up: bool = True
    remote: str = "00000000:C0:00.0"
    remote_kind: RemoteKind = RemoteKind.SWITCH
    version: int = 4
    replays: int = 0
    recoveries: int = 0
    crc: int = 0
    sent: int = 0
    received: int = 0


@attrs.frozen
class Process:
    """A process on a GPU: pid, bytes of memory (None where the driver does not tell), and its GPU instance."""

    pid: int
    memory: int | None = None
    instance: int | None = None


@attrs.frozen(kw_only=True)
class Instance:
    """A MIG instance.

    Attributes:
        gpu_instance, compute_instance: its ids.
        memory_total, memory_used: bytes.
        uuid: "" for one that is made of the ids.
    """

    gpu_instance: int
    compute_instance: int = 0
    memory_total: int = 10 << 30
    memory_used: int = 0
    uuid: str = ""


@attrs.frozen(kw_only=True)
class Gpu:
    """A GPU, by default an H100 that does nothing.

    Attributes:
        name, uuid, serial, pci: who it is; "" for ones that are made of its index.
        capability: compute capability.
        utilization, memory_utilization: per cent.
        memory_total, memory_used, memory_reserved: bytes.
        temperature, memory_temperature, slowdown_temperature, shutdown_temperature: degrees Celsius.
        power, power_limit, power_limit_min, power_limit_max, power_limit_default: milliwatts.
        energy: millijoules so far.
        sm_clock, memory_clock, sm_clock_max, memory_clock_max: MHz.
        locked_clocks: the lowest and highest clock that somebody has set, (0, 0) for none.
        reasons: bits that say why it is slowed down (`nvmlClocksEventReason…`).
        power_violation, thermal_violation, other_violations: ns so far; the last ones by NVML_PERF_POLICY number.
        pcie_generation, pcie_generation_max, pcie_width, pcie_width_max: of the link to the host.
        pcie_replays: so far.
        pcie_sent, pcie_received: bytes so far.
        links: its NVLinks.
        ecc: whether ECC is on.
        corrected, uncorrected: ECC errors since the driver was loaded.
        corrected_ever, uncorrected_ever: ECC errors of its whole life.
        rows_corrected, rows_uncorrected, rows_pending, rows_failed: remapped rows.
        pages_single, pages_double, pages_pending: retired pages, None for a GPU that remaps rows instead.
        fabric_state, fabric_status, fabric_health: of the NVSwitch fabric; the state is None where there is none.
        recovery: NVML_FI_DEV_GET_GPU_RECOVERY_ACTION.
        persistence: whether persistence mode is on.
        processes: who uses it.
        instances: its MIG instances; MIG is on where there are any, or `mig`.
        mig: None where the GPU has no MIG.
        lost: every call about it fails with GPU_IS_LOST.
        fields: overrides of field values, by id or (id, link): a number, or an `Error`.
        errors: functions that fail for it, by name.
    """

    name: str = "NVIDIA H100 80GB HBM3"
    uuid: str = ""
    serial: str = ""
    pci: str = ""
    capability: tuple[int, int] = (9, 0)
    utilization: int = 0
    memory_utilization: int = 0
    memory_total: int = 80 << 30
    memory_used: int = 0
    memory_reserved: int = 600 << 20
    temperature: int = 35
    memory_temperature: int = 42
    slowdown_temperature: int = 87
    shutdown_temperature: int = 92
    power: int = 70_000
    power_limit: int = 700_000
    power_limit_min: int = 200_000
    power_limit_max: int = 700_000
    power_limit_default: int = 700_000
    energy: int = 5_000_000_000
    sm_clock: int = 1980
    memory_clock: int = 2619
    sm_clock_max: int = 1980
    memory_clock_max: int = 2619
    locked_clocks: tuple[int, int] = (0, 0)
    reasons: int = 1
    power_violation: int = 0
    thermal_violation: int = 0
    other_violations: Mapping[int, int] = attrs.field(factory=dict)
    pcie_generation: int = 5
    pcie_generation_max: int = 5
    pcie_width: int = 16
    pcie_width_max: int = 16
    pcie_replays: int = 0
    pcie_sent: int = 0
    pcie_received: int = 0
    links: tuple[Link, ...] = ()
    ecc: bool = True
    corrected: int = 0
    uncorrected: int = 0
    corrected_ever: int = 0
    uncorrected_ever: int = 0
    rows_corrected: int = 0
    rows_uncorrected: int = 0
    rows_pending: bool = False
    rows_failed: bool = False
    pages_single: int | None = None
    pages_double: int | None = None
    pages_pending: bool = False
    fabric_state: int | None = None
    fabric_status: int = 0
    fabric_health: int = 0
    recovery: int = 0
    persistence: bool = True
    processes: tuple[Process, ...] = ()
    instances: tuple[Instance, ...] = ()
    mig: bool | None = False
    lost: bool = False
    fields: Mapping[int | tuple[int, int], Value] = attrs.field(factory=dict)
    errors: Mapping[str, Error] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Scenario:
    """A machine.

    Attributes:
        gpus: its GPUs.
        driver, nvml: versions.
        cuda: the newest that the driver supports, 1000 times its major plus 10 times its minor number.
        broken: what `nvmlInit` answers, None when all is well.
        missing: functions that this driver's library lacks: they are no symbols of it.
        errors: functions that fail for every GPU, by name.
    """

    gpus: tuple[Gpu, ...] = (Gpu(),)
    driver: str = "580.95.05"
    nvml: str = "13.580.95.05"
    cuda: int = 13000
    broken: Error | None = None
    missing: tuple[str, ...] = ()
    errors: Mapping[str, Error] = attrs.field(factory=dict)


def dgx(gpus: int = 8, links: int = 18) -> Scenario:
    """A box of H100s that are joined by NVSwitches.

    >>> machine = dgx()
    >>> len(machine.gpus), len(machine.gpus[0].links), machine.gpus[7].fabric_state
    (8, 18, 3)
    """
    wired = tuple(Link(remote=f"00000000:{0xC0 + n % 4:02X}:00.0") for n in range(links))
    return Scenario(gpus=(Gpu(links=wired, fabric_state=3),) * gpus)
