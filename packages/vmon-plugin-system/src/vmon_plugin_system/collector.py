"""Everything that is measured for one target. Only a running monitor imports this module, and psutil with it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vmon_plugin_system.filesystems import Filesystems, watched_paths
from vmon_plugin_system.machine import Machine
from vmon_plugin_system.processes import Processes

if TYPE_CHECKING:
    from vmon_core.records import Sample, Target, Tick
    from vmon_plugin_system.config import SystemConfig

_LOOPBACK = frozenset({"", "localhost", "::1", "0.0.0.0", "::"})  # noqa: S104 (compared, not bound)


def is_here(target: Target) -> bool:
    """Whether a target runs on this machine, as far as can be told: another one's figures would mislead."""
    if target.pid is not None:
        return True
    host = urlsplit(target.url).hostname or ""
    return host in _LOOPBACK or host.startswith("127.") or host == socket.gethostname()


class Collector:
    """Measures the machine and the processes of one target, at the interval that was asked for.

    Args:
        target: the target.
        config: what to measure.
        data_dir: vmon's own folder, whose file system is watched.
    """

    def __init__(self, target: Target, config: SystemConfig, data_dir: str) -> None:
        self._config = config
        self._here = is_here(target)
        self._machine = Machine()
        self._filesystems = Filesystems(watched_paths(target.command, [data_dir, *config.filesystems]))
        self._processes = Processes(config.max_processes, config.tree_interval)
        self._due = float("-inf")

    def collect(self, tick: Tick) -> list[Sample]:
        """Measure, if it is time to or urgent."""
        if not self._here or (tick.time < self._due and not tick.urgent):
            return []
        self._due = tick.time + self._config.interval
        samples = self._machine.samples(tick.time) + self._filesystems.samples(tick.time)
        if self._config.processes and tick.target.pid is not None:
            samples += self._processes.samples(tick.target.pid, tick.time)
        return samples
