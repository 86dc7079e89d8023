"""Judge the GPUs, and tell what happens to them. Only the plugin's process imports this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pynvml

from vmon_core.device_health import DeviceState, HealthWatch
from vmon_core.evidence import DeviceEvent, Recovery
from vmon_plugin_nvidia.events.event_set import Watched
from vmon_plugin_nvidia.events.events import Events
from vmon_plugin_nvidia.gpu import LostError, address_of
from vmon_plugin_nvidia.metrics import KIND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vmon_core.devices import Device
    from vmon_core.evidence import Evidence
    from vmon_core.records import Sample, Severity
    from vmon_plugin_nvidia.driver import Driver
    from vmon_plugin_nvidia.events.catalogue import Catalogue
    from vmon_plugin_nvidia.gpu import Gpu


class Watching:
    """Follows the health of all GPUs; that of a MIG instance is its GPU's.

    Args:
        driver: the way to them.
        catalogue: what Xids mean.
        kernel_log: the path of the kernel log, "" to leave it alone.
        say: is told, once, of a source of events that cannot be read.
    """

    def __init__(
        self, driver: Driver, catalogue: Catalogue, kernel_log: str, say: Callable[[Severity, str], None]
    ) -> None:
        self._driver = driver
        self._events = Events(pynvml, catalogue, kernel_log, say)
        self._watch = HealthWatch(KIND)
        self._reached = (0, 0)
        self._count = 0

    def look(
        self,
        now: float,
        gpus: Sequence[Gpu],
        samples: Iterable[Sample],
        recoveries: Mapping[Gpu, Recovery | None],
        *,
        measured: bool,
    ) -> list[Evidence | Sample]:
        """Fetch what happened, and judge when there is something new to judge by.

        Args:
            now: the present, Unix seconds.
            gpus: all that there are.
            samples: what was just measured of them.
            recoveries: what the driver says would help, for each GPU where it says something.
            measured: whether they were measured at all this time.
        """
        gone = self._recounted(now, len(gpus))
        reached = self._driver.opened, sum(gpu.handle is not None for gpu in gpus)
        if self._reached != reached:
            self._reached = reached
            self._watch.tell_anew()
            self._events.watch([watched for gpu in gpus if (watched := _watched(gpu)) is not None])
        events = [*gone, *self._events.fetch(now)]
        if not (measured or events):
            return []
        states = [_state(gpu, recoveries.get(gpu)) for gpu in gpus]
        return [*events, *self._watch.look(now, states, samples, events, measured=measured)]

    def _recounted(self, now: float, count: int) -> list[DeviceEvent]:
        """Begin anew when their number changes: the driver numbers them anew, and no history fits any more."""
        before, self._count = self._count, count
        if before in (0, count):
            return []
        self._watch = HealthWatch(KIND)
        text = f"{count} GPUs are left of {before}; the driver may have numbered them anew"
        event = DeviceEvent(time=now, summary=text, device="", code="gpu.missing", recovery=Recovery.UNKNOWN)
        return [event] if count < before else []

    def judged(self, device: Device) -> Device:
        """The same device with its health, as it was judged last."""
        judgement = self._watch.judgement(str(device.index))
        if judgement is None:
            return device
        return attrs.evolve(device, health=judgement.health, reasons=judgement.reasons, recovery=judgement.recovery)

    def close(self) -> None:
        """Let go of the sources of events."""
        self._events.close()


def _watched(gpu: Gpu) -> Watched | None:
    """Who a GPU is; None for one that could not be reached yet. All is asked now: once it is lost, it cannot tell."""
    if gpu.handle is None:
        return None
    try:
        for fact in ("nvmlDeviceGetName", "nvmlDeviceGetUUID", "nvmlDeviceGetCudaComputeCapability"):
            gpu.once(fact)
        pci = gpu.once("nvmlDeviceGetPciInfo_v3")
    except LostError:
        return None
    return Watched(gpu.handle, address_of(pci), f"{KIND}:{gpu.label}")


def _state(gpu: Gpu, recovery: Recovery | None) -> DeviceState:
    model = gpu.facts.get("nvmlDeviceGetName", "")
    return DeviceState(gpu.label, model, lost=gpu.lost, recovery=None if gpu.lost else recovery)
