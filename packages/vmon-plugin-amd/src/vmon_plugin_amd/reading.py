"""All figures of one GPU, and the record of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.device_health import DeviceState
from vmon_core.devices import Device
from vmon_core.evidence import Health, Recovery
from vmon_plugin_amd import figures, holders, links
from vmon_plugin_amd.metrics import KIND
from vmon_plugin_amd.throttle import Throttle
from vmon_plugin_amd.values import at, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.device_health import Judgement
    from vmon_core.records import Sample
    from vmon_plugin_amd.config import AMDConfig
    from vmon_plugin_amd.driver import Driver
    from vmon_plugin_amd.gpu import Gpu


class Reader:
    """Reads one GPU over and over.

    Args:
        gpu: which.
        config: what is read.
        xgmi: the number of the xGMI kind of link.
    """

    def __init__(self, gpu: Gpu, config: AMDConfig, xgmi: int | None) -> None:
        self.gpu = gpu
        self._config = config
        self._xgmi = xgmi
        self._throttle = Throttle(gpu.label)
        self._due = 0.0

    def read(self, time: float) -> list[Sample]:
        """Measure at this moment, Unix seconds; the seldom figures are among them when it is time for them.

        Raises:
            GoneError: the driver has gone.
        """
        answers = figures.Answers(self.gpu)
        self.gpu.begin()
        found = [*figures.often(self.gpu, answers, time), *self._throttle.read(answers, time)]
        if time >= self._due:
            self._due = time + self._config.slow_interval
            found += self._seldom(answers, time)
        self.gpu.end()
        return found

    def _seldom(self, answers: figures.Answers, time: float) -> Iterator[Sample]:
        label = self.gpu.label
        yield from figures.seldom(self.gpu, answers, time)
        yield from holders.page_samples(label, answers, time)
        if self._config.links:
            yield from links.link_samples(label, links.links(answers, self._xgmi), time)
        if self._config.processes:
            yield from holders.process_samples(label, holders.processes(answers), time)

    def state(self) -> DeviceState:
        """What is said of it beside its figures; AMD's driver asks for no recovery."""
        return DeviceState(self.gpu.label, _model(self.gpu), self.gpu.lost)

    def device(self, driver: Driver, judgement: Judgement | None) -> Device:
        """The record of it.

        Args:
            driver: knows the versions.
            judgement: how it is; None when nobody has judged yet.
        """
        gpu, answers = self.gpu, figures.Answers(self.gpu)
        total, free = figures.memory(gpu)
        node = number(gpu.ask("amdsmi_get_gpu_topo_numa_affinity"), 32)
        return Device(
            kind=KIND,
            index=gpu.index,
            uuid=text(gpu.once("amdsmi_get_gpu_device_uuid")),
            model=_model(gpu),
            pci=text(gpu.once("amdsmi_get_gpu_device_bdf")).lower(),
            capability=text(at(gpu.once("amdsmi_get_gpu_asic_info"), "target_graphics_version")),
            driver=driver.version,
            runtime=driver.runtime,
            memory_bytes=total,
            memory_free_bytes=free,
            numa_node=int(node) if node is not None and node >= 0 else None,
            health=judgement.health if judgement else Health.UNKNOWN,
            reasons=judgement.reasons if judgement else (),
            recovery=judgement.recovery if judgement else Recovery.NONE,
            processes=holders.processes(answers),
            links=links.device_links(links.links(answers, self._xgmi)),
            lost=gpu.lost,
        )


def _model(gpu: Gpu) -> str:
    return text(at(gpu.once("amdsmi_get_gpu_asic_info"), "market_name"))
