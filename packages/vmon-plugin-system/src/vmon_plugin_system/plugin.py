"""The hooks of the system plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import Capability, PluginInfo, every, hookimpl
from vmon_plugin_system.config import SystemConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.plugin import Host
    from vmon_core.records import CompatibilityCheck, Sample, Target, Tick
    from vmon_plugin_system.collector import Collector


class SystemPlugin:
    """Measures the machine and the processes of each target on it."""

    def __init__(self) -> None:
        self._config = SystemConfig()
        self._data_dir = "/"
        self._collectors: dict[tuple[str, int | None], Collector] = {}

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="system",
            version=metadata.version("vmon-plugin-system"),
            summary="Measures CPU, memory, disks, network and the processes of each server",
            provides=(Capability("system.metrics"), Capability("process.metrics")),
            config=SystemConfig,
        )

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Take the configuration."""
        self._config = host.config("system")
        self._data_dir = str(host.data_dir)

    @hookimpl
    def vmon_stop(self) -> None:
        """Forget the targets."""
        self._collectors.clear()

    @hookimpl
    @every("1s", timeout="2s")
    def vmon_collect(self, tick: Tick) -> Iterable[Sample]:
        """Measure; the configured interval decides which of these calls do something."""
        from vmon_plugin_system.collector import Collector  # noqa: PLC0415 (psutil: only a running monitor needs it)

        key = (tick.target.name, tick.target.pid)
        if key not in self._collectors:
            self._collectors = {kept: c for kept, c in self._collectors.items() if kept[0] != tick.target.name}
            self._collectors[key] = Collector(tick.target, self._config, self._data_dir)
        return self._collectors[key].collect(tick)

    @hookimpl
    def vmon_diagnose(self, target: Target) -> Iterable[CompatibilityCheck]:
        """Say which figures of a server's processes may be read."""
        from vmon_plugin_system.diagnose import diagnose  # noqa: PLC0415 (likewise)

        return diagnose(target)


plugin = SystemPlugin()
"""What the entry point names."""
