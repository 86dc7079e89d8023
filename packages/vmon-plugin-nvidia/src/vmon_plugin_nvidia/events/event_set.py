"""NVML's own events: Xids and a few others, fetched without waiting.

A look that does not wait costs one call and loses nothing, since the driver keeps events until they are fetched; a
thread that waits would cost a thread and gain a fraction of a second.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.evidence import DeviceEvent, Recovery
from vmon_plugin_nvidia.events.sighting import Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_EVENTS = 1000
"""Events fetched in one look; a storm must not hold up the collector, and the rest waits for the next look."""

RETRY_SECONDS = 60.0
"""Seconds after which a set that failed is made anew."""

_XID = 0x8

_OTHERS: Mapping[int, tuple[str, Recovery, str]] = {
    0x2: ("ecc.double_bit", Recovery.NONE, "memory lost data that could not be corrected"),
    0x100: ("mig.changed", Recovery.NONE, "its MIG instances were changed"),
    0x200: ("ecc.storm", Recovery.NONE, "memory corrects errors at a high rate"),
    0x400: ("rows.remapped", Recovery.NONE, "a bad part of its memory was replaced or taken out of use"),
    0x800: ("rows.not_remapped", Recovery.NONE, "a bad part of its memory could not be replaced"),
    0x1000: ("memory.poison", Recovery.RESTART_APPLICATION, "a program met bad data and can go on without it"),
    0x2000: ("memory.poison_fatal", Recovery.RESTART_APPLICATION, "a program met bad data and was ended"),
    0x4000: ("gpu.unavailable", Recovery.UNKNOWN, "the driver took it out of use"),
    0x8000: ("recovery.changed", Recovery.NONE, "what the driver says would help has changed"),
}
"""NVML's other kinds of events (`nvmlEventType…`).

Most ask for nothing by themselves: what they leave behind is read from the GPU, each time it is looked at.
"""

WANTED = _XID | sum(_OTHERS)


@attrs.frozen
class Watched:
    """A GPU whose events are wanted: its handle, PCI address (as in `Device.pci`) and name (`nvidia:3`)."""

    handle: Any
    pci: str
    name: str


class EventSet:
    """Fetches the events of some GPUs.

    Args:
        nvml: the module `pynvml`, initialised.

    Attributes:
        trouble: why there are no events, in words; "" while there are.
    """

    def __init__(self, nvml: Any) -> None:  # noqa: ANN401 (a module)
        self.trouble = ""
        self._nvml = nvml
        self._set: Any = None
        self._gpus: tuple[Watched, ...] = ()
        self._by_handle: dict[int | None, Watched] = {}
        self._failed_at: float | None = None

    def watch(self, gpus: Iterable[Watched]) -> None:
        """Take the events of these GPUs from now on, of the kinds that each supports."""
        self.close()
        self.trouble = ""
        self._gpus = tuple(gpus)
        self._by_handle = {_address(gpu.handle): gpu for gpu in self._gpus}
        try:
            self._set = self._nvml.nvmlEventSetCreate()
        except self._nvml.NVMLError as error:
            self.trouble = f"NVML gives no events: {error}"
            return
        giving = [gpu for gpu in self._gpus if self._register(gpu)]
        if self._gpus and not giving:
            self.trouble = "none of the GPUs gives events"

    def fetch(self, now: float) -> tuple[list[Sighting], list[DeviceEvent]]:
        """What happened since the last time: Xids, and other events; NVML tells no times, so they carry `now`."""
        if self._failed_at is not None and now - self._failed_at >= RETRY_SECONDS:
            self._failed_at = None
            self.watch(self._gpus)
        sightings: list[Sighting] = []
        events: list[DeviceEvent] = []
        for _ in range(MOST_EVENTS):
            data = self._next(now)
            if data is None:
                break
            gpu = self._by_handle.get(_address(data.device))
            if data.eventType == _XID:
                sightings.append(Sighting(gpu.pci if gpu else "", int(data.eventData), now, "NVML"))
            elif data.eventType in _OTHERS:
                events.append(_event(gpu, data.eventType, now))
        return sightings, events

    def close(self) -> None:
        """Let go of the set."""
        if self._set is not None:
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlEventSetFree(self._set)
            self._set = None

    def _register(self, gpu: Watched) -> bool:
        """Ask for what is supported only: one kind too many, and the whole call fails."""
        try:
            kinds = self._nvml.nvmlDeviceGetSupportedEventTypes(gpu.handle) & WANTED
            if kinds:
                self._nvml.nvmlDeviceRegisterEvents(gpu.handle, kinds, self._set)
        except self._nvml.NVMLError:
            return False
        return bool(kinds)

    def _next(self, now: float) -> Any:  # noqa: ANN401 (a structure of NVML's, or None)
        if self._set is None:
            return None
        try:
            return self._nvml.nvmlEventSetWait_v2(self._set, 0)
        except self._nvml.NVMLError_Timeout:
            return None
        except self._nvml.NVMLError_GpuIsLost:
            self.watch(self._gpus)  # a set with a lost GPU tells nothing of any; in the new one it cannot be registered
            return None
        except self._nvml.NVMLError as error:
            self.trouble = f"NVML gives no events any more: {error}"
            self._failed_at = now
            self.close()
            return None


def _event(gpu: Watched | None, kind: int, now: float) -> DeviceEvent:
    code, recovery, text = _OTHERS[kind]
    return DeviceEvent(time=now, summary=text, device=gpu.name if gpu else "", code=code, recovery=recovery)


def _address(handle: Any) -> int | None:  # noqa: ANN401 (a pointer of NVML's)
    return ctypes.cast(handle, ctypes.c_void_p).value
