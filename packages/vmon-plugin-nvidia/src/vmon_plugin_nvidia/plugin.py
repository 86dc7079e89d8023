"""The hooks of the nvidia plugin; all of them but the first run in a process of its own, since a driver can hang."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import Capability, PluginInfo, every, hookimpl
from vmon_core.records import Severity
from vmon_plugin_nvidia.config import NVIDIAConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.devices import Device
    from vmon_core.plugin import Host
    from vmon_core.records import Sample, Tick
    from vmon_plugin_nvidia.collector import Collector
    from vmon_plugin_nvidia.driver import Driver

WAKING_SECONDS = 1.2
"""Seconds to wait for the driver when somebody asks for the devices; vmon waits a little longer for us."""


class NVIDIAPlugin:
    """Reads NVIDIA GPUs through NVML."""

    def __init__(self) -> None:
        self._config = NVIDIAConfig()
        self._driver: Driver | None = None
        self._collector: Collector | None = None

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="nvidia",
            version=metadata.version("vmon-plugin-nvidia"),
            summary="Reads NVIDIA GPUs through NVML",
            provides=(Capability("gpu.telemetry"),),
            config=NVIDIAConfig,
        )

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Take the configuration; the driver is opened by the first measurement, and may take its time."""
        from vmon_plugin_nvidia.driver import Driver  # noqa: PLC0415 (pynvml: only this plugin's process needs it)

        self._config = host.config("nvidia")
        self._driver = Driver(lambda text: host.say(Severity.INFO, text))

    @hookimpl
    def vmon_stop(self) -> None:
        """Let go of the driver."""
        if self._driver is not None:
            self._driver.close()
        self._driver = self._collector = None

    @hookimpl
    @every("1s", timeout="2s")
    def vmon_collect(self, tick: Tick) -> Iterable[Sample]:
        """Measure; the configured interval decides which of these calls do something."""
        if self._collector is None:
            from vmon_plugin_nvidia.collector import Collector  # noqa: PLC0415 (as above)

            self._collector = Collector(self._opened(), self._config)
        return self._collector.collect(tick)

    @hookimpl
    def vmon_devices(self) -> Iterable[Device]:
        """Tell the GPUs of this machine."""
        from vmon_plugin_nvidia.identity import devices  # noqa: PLC0415 (as above)

        driver = self._opened()
        return devices(driver, driver.ready(time.time(), WAKING_SECONDS))

    @hookimpl
    def vmon_facts(self) -> dict[str, str]:
        """Tell what plugins may need to know of the GPUs."""
        from vmon_plugin_nvidia.identity import facts  # noqa: PLC0415 (as above)

        driver = self._opened()
        return facts(driver, driver.ready(time.time(), WAKING_SECONDS))

    def _opened(self) -> Driver:
        """The driver; commands ask for devices without having started the plugin."""
        if self._driver is None:
            from vmon_plugin_nvidia.driver import Driver  # noqa: PLC0415 (as above)

            self._driver = Driver()
        return self._driver


plugin = NVIDIAPlugin()
"""What the entry point names."""
