"""What all GPUs tell, at two intervals. Only the plugin's process imports this module, and `pynvml` with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_nvidia.driver import find_parts
from vmon_plugin_nvidia.gpu import GoneError, LostError
from vmon_plugin_nvidia.links import Links
from vmon_plugin_nvidia.processes import Owners, process_samples
from vmon_plugin_nvidia.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmon_core.evidence import Evidence
    from vmon_core.records import Sample, Target, Tick
    from vmon_plugin_nvidia.config import NVIDIAConfig
    from vmon_plugin_nvidia.driver import Driver
    from vmon_plugin_nvidia.gpu import Gpu
    from vmon_plugin_nvidia.watching import Watching


class Collector:
    """Measures and judges all GPUs of this machine.

    Args:
        driver: the way to them.
        config: what to measure, and how often.
        watching: judges them.

    Attributes:
        watching: the same.
    """

    def __init__(self, driver: Driver, config: NVIDIAConfig, watching: Watching) -> None:
        self._driver = driver
        self._config = config
        self.watching = watching
        self._telemetry: dict[Gpu, Telemetry] = {}
        self._links: dict[Gpu, Links] = {}
        self._owners: dict[int | None, Owners] = {}
        self._due = self._slow_due = float("-inf")

    def collect(self, tick: Tick) -> list[Evidence | Sample]:
        """Measure, if it is time to or urgent; what happened meanwhile is told at each call."""
        gpus = self._driver.ready(tick.time)
        if not gpus:
            return []
        due = tick.time >= self._due or tick.urgent
        try:
            samples = self._measure(gpus, tick) if due else []
            recoveries = {gpu: telemetry.recovery for gpu, telemetry in self._telemetry.items()}
            return [*samples, *self.watching.look(tick.time, gpus, samples, recoveries, measured=due)]
        except GoneError:
            self._driver.failed()
            self._forget()
            return []

    def _measure(self, gpus: Sequence[Gpu], tick: Tick) -> list[Sample]:
        """One that is lost has no samples, and keeps the others from nothing."""
        self._due = tick.time + self._config.interval
        slow = tick.time >= self._slow_due
        if slow:
            self._driver.recount()
            self._slow_due = tick.time + self._config.slow_interval
        return [sample for gpu in gpus for sample in self._measured(gpu, tick, slow=slow)]

    def close(self) -> None:
        """Let go of what is open."""
        self.watching.close()

    def _forget(self) -> None:
        self._telemetry.clear()
        self._links.clear()
        self._due = self._slow_due = float("-inf")

    def _measured(self, gpu: Gpu, tick: Tick, *, slow: bool) -> list[Sample]:
        try:
            return list(self._samples(gpu, tick, slow=slow))
        except LostError:
            return []

    def _samples(self, gpu: Gpu, tick: Tick, *, slow: bool) -> Iterator[Sample]:
        if slow:
            find_parts(gpu)
        for each in (gpu, *gpu.parts):
            if each not in self._telemetry:
                self._telemetry[each] = Telemetry(each)
            yield from self._telemetry[each].samples(tick.time, slow=slow)
        if slow and self._config.links:
            if gpu not in self._links:
                self._links[gpu] = Links(gpu)
            yield from self._links[gpu].samples(tick.time)
        if slow and self._config.processes:
            for each in gpu.parts or (gpu,):
                yield from process_samples(each, self._owners_of(tick.target), tick.time)

    def _owners_of(self, target: Target) -> Owners:
        if target.pid not in self._owners:
            self._owners = {target.pid: Owners(target.pid)}
        return self._owners[target.pid]
