"""The hooks of the plugin; replace the load by what you want to watch."""

from __future__ import annotations

import os
from importlib import metadata
from typing import TYPE_CHECKING

from vmon_core.plugin import PluginInfo, every, hookimpl
from vmon_core.records import Finding, Sample, Severity

from {{ cookiecutter.module }}.config import {{ cookiecutter.__class }}Config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host
    from vmon_core.records import Tick

LOAD = "{{ cookiecutter.name }}.load"


class {{ cookiecutter.__class }}Plugin:
    """{{ cookiecutter.summary }}."""

    def __init__(self) -> None:
        self._config = {{ cookiecutter.__class }}Config()

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="{{ cookiecutter.name }}",
            version=metadata.version("{{ cookiecutter.distribution }}"),
            summary="{{ cookiecutter.summary }}",
            config={{ cookiecutter.__class }}Config,
        )

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Take the configuration."""
        self._config = host.config("{{ cookiecutter.name }}")

    @hookimpl
    @every("5s", timeout="2s")
    def vmon_collect(self, tick: Tick) -> Iterable[Sample]:
        """Measure. Give nothing when it cannot be measured: absent means not known, zero would be a lie."""
        yield Sample(LOAD, os.getloadavg()[0], tick.time, unit="tasks")

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Say what holds now; the host notices what is new and what is over."""
        load = window.latest(LOAD)
        if load is not None and load > self._config.max_load:
            yield Finding(
                code="{{ cookiecutter.name }}.overloaded",
                severity=Severity.WARNING,
                summary=f"{load:.0f} tasks run or wait, more than {self._config.max_load:.0f}",
                time=window.now,
                advice="Look at what else runs on this machine.",
            )


plugin = {{ cookiecutter.__class }}Plugin()
"""What the entry point names."""
