"""What a fake machine with AMD GPUs looks like: plain records, in the units of the library."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import attrs


class Code(IntEnum):
    """Error codes of `amdsmi`, as far as tests inject them."""

    NOT_SUPPORTED = 2
    IO = 12
    NO_PERM = 10
    NOT_FOUND = 31
    DRIVER_NOT_LOADED = 34
    NO_DATA = 40


@attrs.frozen(kw_only=True)
class AmdLink:
    """One xGMI link.

    Attributes:
        remote: the PCI address of the other end.
        mark: `U` up, `D` down, `X` switched off.
        read, write: KiB so far.
    """

    remote: str = "0000:26:00.0"
    mark: str = "U"
    read: int = 0
    write: int = 0


@attrs.frozen
class AmdProcess:
    """A process on a GPU, with the bytes of its memory that it holds."""

    pid: int
    memory: int = 0


@attrs.frozen(kw_only=True)
class AmdGpu:
    """A GPU, by default an MI300X that does nothing; None where this model does not tell.

    Attributes:
        name, uuid, pci, capability: who it is; "" for ones that are made of its index.
        numa_node: -1 where the kernel knows none.
        memory_total, memory_used: MiB.
        temperature, edge, memory_temperature, critical: degrees Celsius; the first is the hot spot's.
        utilization, memory_utilization: per cent.
        power: watts.
        power_limit: microwatts.
        energy: counts of 15.259 microjoules.
        clock, clock_max, memory_clock, memory_clock_max: MHz.
        turns: of the firmware so far.
        prochot, power_cap, hot, regulator_hot, memory_hot: turns so far in which it was slowed down for this reason.
        corrected, uncorrected: ECC errors since the driver was loaded.
        pcie_width, pcie_width_max: lanes.
        pcie_speed, pcie_speed_max: MT/s.
        pcie_replays: so far.
        links: its xGMI links.
        pages: the states of its bad pages: 0 reserved, 1 pending, 2 unreservable.
        processes: who uses it.
        table: whether the driver has a table of metrics for it; a virtual function has none.
        lost: every call about it fails, as its files are gone.
        errors: functions that fail for it, by name.
    """

    name: str = "AMD Instinct MI300X"
    uuid: str = ""
    pci: str = ""
    capability: str = "gfx942"
    numa_node: int = 0
    memory_total: int = 196_592
    memory_used: int = 285
    temperature: int | None = 42
    edge: int | None = None
    memory_temperature: int | None = 38
    critical: int = 110
    utilization: int | None = 0
    memory_utilization: int | None = 0
    power: int | None = 140
    power_limit: int = 750_000_000
    energy: int = 1_000_000
    clock: int | None = 132
    clock_max: int = 2100
    memory_clock: int | None = 900
    memory_clock_max: int = 1300
    turns: int = 1000
    prochot: int = 0
    power_cap: int = 0
    hot: int = 0
    regulator_hot: int = 0
    memory_hot: int = 0
    corrected: int = 0
    uncorrected: int = 0
    pcie_width: int = 16
    pcie_width_max: int = 16
    pcie_speed: int = 32_000
    pcie_speed_max: int = 32_000
    pcie_replays: int = 0
    links: tuple[AmdLink, ...] = ()
    pages: tuple[int, ...] = ()
    processes: tuple[AmdProcess, ...] = ()
    table: bool = True
    lost: bool = False
    errors: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class AmdScenario:
    """A machine.

    Attributes:
        gpus: its GPUs.
        release: whose `amdsmi` this is like, 6 or 7: they number kinds of links differently, and 6 lacks functions.
        rocm, driver: versions.
        raw: blanks are numbers with all bits set, as the firmware writes them, instead of "N/A".
        loaded: whether the kernel has the driver.
        importable: what importing the module raises, "" when all is well.
        broken: what `amdsmi_init` answers, 0 when all is well.
        missing: functions that this version lacks.
        hangs: functions that do not return as long as they are named here.
        errors: functions that fail for every GPU, by name.
        happened: the events so far: number of the GPU, kind, message.
    """

    gpus: tuple[AmdGpu, ...] = (AmdGpu(),)
    release: int = 7
    rocm: str = "7.0.2"
    driver: str = "6.14.14"
    raw: bool = False
    loaded: bool = True
    importable: str = ""
    broken: int = 0
    missing: tuple[str, ...] = ()
    hangs: tuple[str, ...] = ()
    errors: Mapping[str, int] = attrs.field(factory=dict)
    happened: tuple[tuple[int, str, str], ...] = ()
