"""What the sandbox has to tell people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.records import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_core.plugin import Host

_KEPT = 1000


class Voice:
    """Speaks through the host once there is one; a host of plugins that watches nothing has nobody to tell."""

    def __init__(self) -> None:
        self._host: Host | None = None
        self._told: set[str] = set()

    def attach(self, host: Host) -> None:
        """Speak through this host from now on."""
        self._host = host

    @property
    def folder(self) -> Path | None:
        """Where the plugin's files lie, None while nothing is watched."""
        return self._host.data_dir if self._host is not None else None

    def error(self, text: str) -> None:
        """Tell of a failure."""
        self._say(Severity.ERROR, text)

    def warning(self, text: str) -> None:
        """Tell of a shortage."""
        self._say(Severity.WARNING, text)

    def info(self, text: str) -> None:
        """Tell what a plugin has to say."""
        self._say(Severity.INFO, text)

    def once(self, key: str, text: str) -> None:
        """Tell of a failure that would come back each second."""
        if key not in self._told and len(self._told) < _KEPT:
            self._told.add(key)
            self.error(text)

    def _say(self, level: Severity, text: str) -> None:
        if self._host is not None:
            self._host.say(level, text)
