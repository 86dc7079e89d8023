"""The functions of the binding that vmon asks, and some more; their results have the real ones' keys and units."""

from __future__ import annotations

import ctypes
import sys
import time
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from .amdsmi_exception import AmdSmiLibraryException, AmdSmiParameterException
from .machine import HANG_STEP, NOT_INIT, enter, gpu_of, scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_SUPPORTED, NO_DATA = 2, 40

MAX_LINKS = 8
"""The binding lists so many links whatever there is; those behind the last one are blank."""

RESOLUTION = 15.259
"""Microjoules of one count of the energy counter."""


class amdsmi_processor_handle(ctypes.c_void_p):  # noqa: N801 (the real one's name)
    """A pointer; two of one device are different objects."""


class AmdSmiInitFlags(IntEnum):
    """What is to be found."""

    INIT_AMD_CPUS = 1
    INIT_AMD_GPUS = 2


class AmdSmiClkType(IntEnum):
    """Clocks."""

    GFX = 0
    MEM = 4


class AmdSmiTemperatureType(IntEnum):
    """Sensors; the hot spot has two names."""

    EDGE = 0
    HOTSPOT = 1
    JUNCTION = 1
    VRAM = 2


class AmdSmiTemperatureMetric(IntEnum):
    """What of a sensor."""

    CURRENT = 0
    CRITICAL = 5


class AmdSmiEvtNotificationType(IntEnum):
    """Kinds of events."""

    NONE = 0
    VMFAULT = 1
    THERMAL_THROTTLE = 2
    GPU_PRE_RESET = 3
    GPU_POST_RESET = 4


AmdSmiLinkType = IntEnum(
    "AmdSmiLinkType",
    [
        ("AMDSMI_LINK_TYPE_INTERNAL", 0),
        ("AMDSMI_LINK_TYPE_XGMI", 1 if scenario()["release"] == 6 else 2),  # noqa: PLR2004 (ROCm 6)
        ("AMDSMI_LINK_TYPE_PCIE", 2 if scenario()["release"] == 6 else 1),  # noqa: PLR2004 (as above)
    ],
)
"""Kinds of links, which ROCm 6.3 and 7.0 number differently."""

_open = False


def amdsmi_init(flag: AmdSmiInitFlags = AmdSmiInitFlags.INIT_AMD_GPUS) -> None:
    """Open the library."""
    global _open  # noqa: PLW0603 (the library's own state)
    _typed(flag, AmdSmiInitFlags)
    machine = enter("amdsmi_init")
    if machine["broken"]:
        raise AmdSmiLibraryException(machine["broken"])
    _open = True


def amdsmi_shut_down() -> None:
    """Close it."""
    global _open  # noqa: PLW0603 (as above)
    if not _open:
        raise AmdSmiLibraryException(NOT_INIT)
    _open = False


def amdsmi_get_processor_handles() -> list[amdsmi_processor_handle]:
    """All GPUs."""
    if not _open:
        raise AmdSmiLibraryException(NOT_INIT)
    return [amdsmi_processor_handle(index + 1) for index in range(len(enter("amdsmi_get_processor_handles")["gpus"]))]


def amdsmi_get_rocm_version() -> tuple[bool, str]:
    """Whether it could be found, and the version or why not."""
    return True, enter("amdsmi_get_rocm_version")["rocm"]


def amdsmi_get_gpu_device_uuid(processor_handle: amdsmi_processor_handle) -> str:
    """The lasting name."""
    gpu = _gpu("amdsmi_get_gpu_device_uuid", processor_handle)
    return gpu["uuid"] or f"{gpu['index']:02x}ff74a1-0000-1000-80e7-bd5e1b6f1c11"


def amdsmi_get_gpu_device_bdf(processor_handle: amdsmi_processor_handle) -> str:
    """The PCI address."""
    return _bdf(_gpu("amdsmi_get_gpu_device_bdf", processor_handle))


def amdsmi_get_gpu_asic_info(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """Model and architecture."""
    gpu = _gpu("amdsmi_get_gpu_asic_info", processor_handle)
    return {
        "market_name": gpu["name"] or "N/A",
        "vendor_id": "0x1002",
        "target_graphics_version": gpu["capability"],
    }


def amdsmi_get_gpu_driver_info(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """The driver."""
    _gpu("amdsmi_get_gpu_driver_info", processor_handle)
    return {"driver_name": "amdgpu", "driver_version": scenario()["driver"], "driver_date": "N/A"}


def amdsmi_get_gpu_vram_usage(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """Memory in MiB."""
    gpu = _gpu("amdsmi_get_gpu_vram_usage", processor_handle)
    return {"vram_total": gpu["memory_total"], "vram_used": gpu["memory_used"]}


def amdsmi_get_gpu_metrics_info(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """The driver's table of metrics."""
    gpu = _gpu("amdsmi_get_gpu_metrics_info", processor_handle)
    if not gpu["table"]:
        raise AmdSmiLibraryException(NOT_SUPPORTED)
    blank, blank64 = _blank(16), _blank(64)
    filled = {name: blank if gpu[name] is None else gpu[name] for name in ("temperature", "edge", "memory_temperature")}
    return {
        "temperature_edge": filled["edge"],
        "temperature_hotspot": filled["temperature"],
        "temperature_mem": filled["memory_temperature"],
        "temperature_hbm": [blank] * 4,
        "average_gfx_activity": blank if gpu["utilization"] is None else gpu["utilization"],
        "average_umc_activity": blank if gpu["memory_utilization"] is None else gpu["memory_utilization"],
        "average_socket_power": blank,
        "current_socket_power": blank if gpu["power"] is None else gpu["power"],
        "current_gfxclk": blank,
        "current_gfxclks": [blank if gpu["clock"] is None else gpu["clock"], *[blank] * 7],
        "current_uclk": blank if gpu["memory_clock"] is None else gpu["memory_clock"],
        "throttle_status": "N/A",
        "indep_throttle_status": "N/A",
        "accumulation_counter": gpu["turns"],
        "prochot_residency_acc": gpu["prochot"],
        "ppt_residency_acc": gpu["power_cap"],
        "socket_thm_residency_acc": gpu["hot"],
        "vr_thm_residency_acc": gpu["regulator_hot"],
        "hbm_thm_residency_acc": gpu["memory_hot"],
        "energy_accumulator": blank64,
    }


def amdsmi_get_gpu_activity(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """Per cent of time."""
    gpu = _gpu("amdsmi_get_gpu_activity", processor_handle)
    return {"gfx_activity": gpu["utilization"], "umc_activity": gpu["memory_utilization"], "mm_activity": "N/A"}


def amdsmi_get_power_info(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """Watts."""
    gpu = _gpu("amdsmi_get_power_info", processor_handle)
    power = _blank(16) if gpu["power"] is None else gpu["power"]
    return {"current_socket_power": power, "average_socket_power": _blank(16), "power_limit": 750}


def amdsmi_get_power_cap_info(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """Microwatts."""
    limit = _gpu("amdsmi_get_power_cap_info", processor_handle)["power_limit"]
    return {"power_cap": limit, "default_power_cap": limit, "dpm_cap": 0, "min_power_cap": 0, "max_power_cap": limit}


def amdsmi_get_temp_metric(
    processor_handle: amdsmi_processor_handle, sensor_type: AmdSmiTemperatureType, metric: AmdSmiTemperatureMetric
) -> int:
    """Degrees Celsius."""
    _typed(sensor_type, AmdSmiTemperatureType)
    _typed(metric, AmdSmiTemperatureMetric)
    gpu = _gpu("amdsmi_get_temp_metric", processor_handle)
    names = {
        AmdSmiTemperatureType.EDGE: "edge",
        AmdSmiTemperatureType.HOTSPOT: "temperature",
        AmdSmiTemperatureType.VRAM: "memory_temperature",
    }
    value = gpu["critical"] if metric is AmdSmiTemperatureMetric.CRITICAL else gpu[names[sensor_type]]
    if value is None:
        raise AmdSmiLibraryException(NOT_SUPPORTED)
    return int(value)


def amdsmi_get_clock_info(processor_handle: amdsmi_processor_handle, clock_type: AmdSmiClkType) -> dict[str, Any]:
    """MHz."""
    _typed(clock_type, AmdSmiClkType)
    gpu = _gpu("amdsmi_get_clock_info", processor_handle)
    name = "clock" if clock_type is AmdSmiClkType.GFX else "memory_clock"
    return {"clk": gpu[name], "min_clk": 0, "max_clk": gpu[f"{name}_max"], "clk_locked": False, "clk_deep_sleep": 0}


def amdsmi_get_energy_count(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """Counts, and the microjoules of each."""
    counted = _gpu("amdsmi_get_energy_count", processor_handle)["energy"]
    key = "power" if scenario()["release"] == 6 else "energy_accumulator"  # noqa: PLR2004 (ROCm 6)
    return {key: counted, "counter_resolution": RESOLUTION, "timestamp": time.monotonic_ns()}


def amdsmi_get_gpu_total_ecc_count(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """Memory errors."""
    gpu = _gpu("amdsmi_get_gpu_total_ecc_count", processor_handle)
    return {"correctable_count": gpu["corrected"], "uncorrectable_count": gpu["uncorrected"], "deferred_count": 0}


def amdsmi_get_pcie_info(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """The link to the host."""
    gpu = _gpu("amdsmi_get_pcie_info", processor_handle)
    return {
        "pcie_static": {"max_pcie_width": gpu["pcie_width_max"], "max_pcie_speed": gpu["pcie_speed_max"]},
        "pcie_metric": {
            "pcie_width": gpu["pcie_width"],
            "pcie_speed": gpu["pcie_speed"],
            "pcie_bandwidth": "N/A",
            "pcie_replay_count": gpu["pcie_replays"],
        },
    }


def amdsmi_get_gpu_xgmi_link_status(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """A mark for each link."""
    links = _gpu("amdsmi_get_gpu_xgmi_link_status", processor_handle)["links"]
    return {"status": [link["mark"] for link in links], "total_links": len(links)}


def amdsmi_get_link_metrics(processor_handle: amdsmi_processor_handle) -> dict[str, Any]:
    """What went over each link."""
    links = _gpu("amdsmi_get_link_metrics", processor_handle)["links"]
    told = [
        {
            "bdf": link["remote"],
            "bit_rate": 32,
            "max_bandwidth": 512,
            "link_type": int(AmdSmiLinkType["AMDSMI_LINK_TYPE_XGMI"]),
            "read": link["read"],
            "write": link["write"],
        }
        for link in links
    ]
    nothing = {"bdf": "0000:00:00.0", "bit_rate": 0, "max_bandwidth": 0, "link_type": 0, "read": 0, "write": 0}
    return {"num_links": len(links), "links": [*told, *[dict(nothing)] * (MAX_LINKS - len(told))]}


def amdsmi_get_gpu_process_list(processor_handle: amdsmi_processor_handle) -> list[dict[str, Any]]:
    """Who uses it; bytes."""
    processes = _gpu("amdsmi_get_gpu_process_list", processor_handle)["processes"]
    return [
        {
            "name": "N/A",
            "pid": process["pid"],
            "mem": process["memory"],
            "engine_usage": {"gfx": 0, "enc": 0},
            "memory_usage": {"gtt_mem": 0, "cpu_mem": 4096, "vram_mem": process["memory"]},
        }
        for process in processes
    ]


def amdsmi_get_gpu_bad_page_info(processor_handle: amdsmi_processor_handle) -> list[dict[str, Any]]:
    """Bad pages and their states."""
    pages = _gpu("amdsmi_get_gpu_bad_page_info", processor_handle)["pages"]
    return [
        {"value": n, "page_address": n << 12, "page_size": 4096, "status": status} for n, status in enumerate(pages)
    ]


def amdsmi_get_gpu_topo_numa_affinity(processor_handle: amdsmi_processor_handle) -> int:
    """The NUMA node, -1 for none."""
    return int(_gpu("amdsmi_get_gpu_topo_numa_affinity", processor_handle)["numa_node"])


class AmdSmiEventReader:
    """Hears events; the read of any one hears those of all devices that have one."""

    def __init__(
        self, processor_handle: amdsmi_processor_handle, event_types: Sequence[AmdSmiEvtNotificationType]
    ) -> None:
        _gpu("AmdSmiEventReader", processor_handle)
        self._kinds = {_typed(kind, AmdSmiEvtNotificationType).name for kind in event_types}
        self._heard = len(scenario()["happened"])

    def read(self, timestamp: int, num_elem: int = 10) -> list[dict[str, Any]]:
        """Wait for events for some milliseconds."""
        end = time.monotonic() + timestamp / 1000
        while len(enter("AmdSmiEventReader.read")["happened"]) <= self._heard:
            if time.monotonic() >= end:
                raise AmdSmiLibraryException(NO_DATA)
            time.sleep(HANG_STEP)
        new = scenario()["happened"][self._heard : self._heard + num_elem]
        self._heard += len(new)
        return [
            {"processor_handle": amdsmi_processor_handle(gpu + 1), "event": kind, "message": message}
            for gpu, kind, message in new
            if kind in self._kinds
        ]

    def stop(self) -> None:
        """Listen no more."""


def _gpu(function: str, handle: amdsmi_processor_handle) -> dict[str, Any]:
    _typed(handle, amdsmi_processor_handle)
    if not _open:
        raise AmdSmiLibraryException(NOT_INIT)
    return gpu_of(function, (handle.value or 1) - 1)


def _typed(value: Any, kind: type) -> Any:  # noqa: ANN401 (any argument)
    if not isinstance(value, kind):
        raise AmdSmiParameterException(value, kind)
    return value


def _bdf(gpu: dict[str, Any]) -> str:
    return gpu["pci"] or f"0000:{0x26 + 0x10 * gpu['index']:02x}:00.0"


def _blank(bits: int) -> str | int:
    return (1 << bits) - 1 if scenario()["raw"] else "N/A"


for _lacking in scenario()["missing"]:
    delattr(sys.modules[__name__], _lacking)
if scenario()["release"] == 6:  # noqa: PLR2004 (ROCm 6)
    del amdsmi_get_rocm_version, amdsmi_get_gpu_xgmi_link_status
