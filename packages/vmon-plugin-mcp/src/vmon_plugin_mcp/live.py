"""Plugins as a running monitor sees them, by its control socket; and which source answers a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.control.client import ControlClient, running_monitor, running_monitors
from vmon_core.control.code import RemoteCode
from vmon_plugin_mcp.local import LocalSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vmon_core.config import Config
    from vmon_core.dynamic import CodePlugins
    from vmon_plugin_mcp.source import Source


@attrs.frozen
class LiveSource:
    """Asks one running monitor.

    Attributes:
        client: reaches it.
    """

    client: ControlClient

    @property
    def live(self) -> bool:
        """It runs."""
        return True

    def loaded(self) -> list[Mapping[str, Any]]:
        """Each plugin that it uses, and how each fares."""
        return list(self.client.call("plugins.list")["loaded"])

    def rejected(self) -> list[Mapping[str, Any]]:
        """Each plugin that it does not use, and why."""
        return list(self.client.call("plugins.list")["rejected"])

    def code(self) -> CodePlugins:
        """The plugins from code that it runs."""
        return RemoteCode(self.client)


class MonitorOrLocal:
    """The running monitor of a data folder, or this process while there is none.

    Args:
        config: where monitors have their files, and which plugins there are.
        target: which monitor is meant, by what it watches; "" when there is only one.
    """

    def __init__(self, config: Config, target: str = "") -> None:
        self._data_dir: Path = config.data_dir
        self._target = target
        self._config = config
        self._local = LocalSource(config)

    def current(self) -> Source:
        """The running monitor if there is one, else this process."""
        if not running_monitors(self._data_dir):
            return self._local
        self._local = LocalSource(self._config)  # what the monitor makes meanwhile must be seen once it is gone
        return LiveSource(running_monitor(self._data_dir, self._target).client)

    def watched(self) -> frozenset[str]:
        """What the running monitors watch."""
        return frozenset(monitor.name for monitor in running_monitors(self._data_dir))
