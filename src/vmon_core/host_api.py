"""What a monitor offers to its plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.evidence import Evidence
from vmon_core.host.sound import sound
from vmon_core.records import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.monitor import VLLMMonitor
    from vmon_core.records import Severity, Target


class HostApi:
    """What one plugin may ask of the monitor; see `vmon_core.plugin.Host`."""

    def __init__(self, monitor: VLLMMonitor, plugin: LoadedPlugin) -> None:
        self._monitor = monitor
        self._plugin = plugin

    @property
    def data_dir(self) -> Path:
        """A folder of the plugin's own."""
        folder = self._monitor.config.data_dir / "plugins" / self._plugin.info.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def targets(self) -> tuple[Target, ...]:
        """The target that is watched."""
        return (self._monitor.target,)

    def config(self, name: str) -> Any:  # noqa: ANN401 (each plugin has its own class)
        """The configuration object of a plugin; its own one also while it is only about to be taken into use."""
        if name == self._plugin.info.name:
            return self._plugin.config
        return self._monitor.plugin_manager.config(name)

    def emit(self, evidence: Iterable[Evidence] = (), samples: Iterable[Sample] = ()) -> None:
        """Hand in what was observed between two ticks."""
        observed, numbers = [sound(e, Evidence) for e in evidence], [sound(s, Sample) for s in samples]
        self._monitor.loop.emit(observed, numbers)

    def say(self, level: Severity, text: str, **context: Any) -> None:  # noqa: ANN401 (plain values, any of them)
        """Tell people something in the plugin's name."""
        self._monitor.feedback.say(level, self._plugin.info.name, text, target=self._monitor.target.name, **context)
