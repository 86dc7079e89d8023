"""Everything that happens to the GPUs of this machine, from all who tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.records import Severity
from vmon_plugin_nvidia.events.event_set import EventSet
from vmon_plugin_nvidia.events.kernel_log import KernelLog
from vmon_plugin_nvidia.events.merging import Merger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_core.evidence import DeviceEvent
    from vmon_plugin_nvidia.events.catalogue import Catalogue
    from vmon_plugin_nvidia.events.event_set import Watched


class Events:
    """Collects events from NVML and the kernel log.

    Args:
        nvml: the module `pynvml`, initialised.
        catalogue: what Xids mean.
        kernel_log: the path of the kernel log, "" to leave it alone.
        say: is told, once, of a source that cannot be read.
    """

    def __init__(self, nvml: Any, catalogue: Catalogue, kernel_log: str, say: Callable[[Severity, str], None]) -> None:  # noqa: ANN401 (a module)
        self._set = EventSet(nvml)
        self._log = KernelLog(kernel_log) if kernel_log else None
        self._merger = Merger(catalogue)
        self._devices: dict[str, str] = {}
        self._say = say
        self._said: set[str] = set()

    def watch(self, gpus: Iterable[Watched]) -> None:
        """Take the events of these GPUs; to be called again when they change."""
        known = tuple(gpus)
        self._devices = {gpu.pci: gpu.name for gpu in known if gpu.pci}
        self._set.watch(known)

    def fetch(self, now: float) -> list[DeviceEvent]:
        """What happened since the last time."""
        logged = self._log.read() if self._log is not None else []
        seen, others = self._set.fetch(now)
        self._tell_troubles()
        return [*others, *self._merger.merge([*logged, *seen], self._devices, now)]

    def close(self) -> None:
        """Let go of all sources."""
        self._set.close()
        if self._log is not None:
            self._log.close()

    def _tell_troubles(self) -> None:
        troubles = {self._set.trouble, self._log.trouble if self._log is not None else ""} - {"", *self._said}
        for trouble in sorted(troubles):
            self._said.add(trouble)
            self._say(Severity.INFO, f"{trouble}; events are told by what else there is")
