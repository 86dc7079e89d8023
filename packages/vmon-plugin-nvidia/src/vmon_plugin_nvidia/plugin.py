"""The hooks of the nvidia plugin; all of them but the first run in a process of its own, since a driver can hang."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.errors import VmonError
from vmon_core.plugin import Capability, Isolation, PluginInfo, every, hookimpl
from vmon_core.records import Severity, Target, Tick
from vmon_plugin_nvidia.config import NVIDIAConfig
from vmon_plugin_nvidia.power import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from vmon_core.devices import Device
    from vmon_core.evidence import Evidence
    from vmon_core.plugin import Host
    from vmon_core.records import Action, Outcome, Sample
    from vmon_plugin_nvidia.collector import Collector
    from vmon_plugin_nvidia.driver import Driver

WAKING_SECONDS = 7.0
"""Seconds to wait for the driver when somebody asks for the devices; vmon waits a little longer for us."""

FACTS_SECONDS = 1.0
"""The same when somebody asks for facts."""


class NVIDIAPlugin:
    """Reads NVIDIA GPUs through NVML."""

    def __init__(self) -> None:
        self._config = NVIDIAConfig()
        self._driver: Driver | None = None
        self._collector: Collector | None = None
        self._ledger: Path | None = None

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="nvidia",
            version=metadata.version("vmon-plugin-nvidia"),
            summary="Reads NVIDIA GPUs through NVML",
            provides=(Capability("gpu.telemetry"), Capability("gpu.health")),
            actions=dict(ACTIONS),
            config=NVIDIAConfig,
            isolation=Isolation.PROCESS,
            libraries=("libnvidia-ml.so.1",),
        )

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Take the configuration; the driver is opened by the first measurement, and may take its time."""
        from vmon_plugin_nvidia.driver import Driver  # noqa: PLC0415 (pynvml: only this plugin's process needs it)

        self._config = host.config("nvidia")
        self._driver = Driver(lambda text: host.say(Severity.INFO, text))
        self._collector = self._make_collector(host.say)
        self._ledger = host.data_dir / "settings.json"

    @hookimpl
    def vmon_stop(self) -> None:
        """Let go of the driver."""
        if self._collector is not None:
            self._collector.close()
        if self._driver is not None:
            self._driver.close()
        self._driver = self._collector = None

    @hookimpl
    @every("1s", timeout="2s")
    def vmon_collect(self, tick: Tick) -> Iterable[Evidence | Sample]:
        """Measure; the configured interval decides which of these calls do something."""
        return self._collector.collect(tick) if self._collector is not None else ()

    @hookimpl
    def vmon_devices(self) -> Iterable[Device]:
        """Tell the GPUs of this machine, and how they are: as the running monitor knows it, or as one look shows it.

        Raises:
            VmonError: nobody can say whether there are GPUs, which is another answer than none.
        """
        from vmon_plugin_nvidia.identity import devices  # noqa: PLC0415 (as above)

        driver = self._opened()
        gpus = driver.ready(time.time(), WAKING_SECONDS)
        if driver.unclear:
            raise VmonError(driver.unclear)
        if self._collector is not None:
            return [self._collector.watching.judged(device) for device in devices(driver, gpus)]
        collector = self._make_collector(lambda *_: None)
        collector.collect(Tick(time.time(), Target(name="")))
        collector.close()
        return [collector.watching.judged(device) for device in devices(driver, gpus)]

    @hookimpl
    def vmon_intervene(self, action: Action) -> Outcome:
        """Set or restore a power limit, lock or reset clocks."""
        from vmon_plugin_nvidia.power.carrying import carry_out  # noqa: PLC0415 (rarely needed)

        return carry_out(action, self._opened(), self._ledger)

    @hookimpl
    def vmon_facts(self) -> dict[str, str]:
        """Tell what plugins may need to know of the GPUs."""
        from vmon_plugin_nvidia.identity import facts  # noqa: PLC0415 (as above)

        driver = self._opened()
        return facts(driver, driver.ready(time.time(), FACTS_SECONDS))

    def _make_collector(self, say: Callable[[Severity, str], None]) -> Collector:
        from vmon_plugin_nvidia.collector import Collector  # noqa: PLC0415 (pynvml: only this plugin's process needs it)
        from vmon_plugin_nvidia.events.catalogue import load  # noqa: PLC0415 (as above)
        from vmon_plugin_nvidia.watching import Watching  # noqa: PLC0415 (as above)

        table = load(self._config.xid_table)
        driver = self._opened()
        return Collector(driver, self._config, Watching(driver, table, self._config.kernel_log, say))

    def _opened(self) -> Driver:
        """The driver; commands ask for devices without having started the plugin."""
        if self._driver is None:
            from vmon_plugin_nvidia.driver import Driver  # noqa: PLC0415 (as above)

            self._driver = Driver()
        return self._driver


plugin = NVIDIAPlugin()
"""What the entry point names."""
