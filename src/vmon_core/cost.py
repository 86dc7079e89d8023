"""What each plugin costs and how it fares, as metrics of vmon itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs
import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, every, hookimpl
from vmon_core.records import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.host.dispatch import Implementation
    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.records import Tick


@attrs.frozen
class OwnMetric:
    """A metric of vmon itself: `kind` is counter or gauge, `labels` names its labels for people."""

    name: str
    unit: str
    kind: str
    labels: str
    meaning: str


_EACH = "plugin, hook"

METRICS = (
    OwnMetric("vmon.plugin.calls", "calls", "counter", _EACH, "Calls of a hook, those that failed included."),
    OwnMetric("vmon.plugin.failures", "calls", "counter", _EACH, "Calls that raised, gave rubbish, or overran."),
    OwnMetric("vmon.plugin.seconds", "seconds", "counter", _EACH, "Time of its calls; for a child process, the wait."),
    OwnMetric("vmon.plugin.worst_seconds", "seconds", "gauge", _EACH, "Time of the longest call so far."),
    OwnMetric("vmon.plugin.stuck", "", "gauge", _EACH, "1 while a call that overran has not returned."),
    OwnMetric("vmon.plugin.quarantined", "", "gauge", _EACH, "1 while it failed too often of late, or is down."),
    OwnMetric("vmon.plugin.restarts", "restarts", "counter", "plugin", "Starts of its child process after the first."),
    OwnMetric("vmon.threads.stuck", "threads", "gauge", "thread", "1 for each thread that a plugin keeps, by name."),
    OwnMetric("vmon.frames.dropped", "frames", "counter", "", "Frames dropped because too many waited."),
)
"""All of them."""

_METRICS = {metric.name: metric for metric in METRICS}


class CostPlugin:
    """Makes samples of how the plugins of a host fare.

    The series are few: six for each hook that was called, one for each child process and for each stuck thread.

    Args:
        host: holds the plugins.
    """

    def __init__(self, host: PluginHost) -> None:
        self._host = host

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        version = metadata.version("vmon-core")
        return PluginInfo(name="cost", version=version, summary="Counts what each plugin costs, and its failures")

    @hookimpl
    @every("10s")
    def vmon_collect(self, tick: Tick) -> Iterator[Sample]:
        """Count."""
        yield _sample("vmon.frames.dropped", self._host.dropped(), tick.time)
        for plugin in self._host.plugins:
            yield from _of_plugin(plugin, tick.time)


def _of_plugin(plugin: LoadedPlugin, now: float) -> Iterator[Sample]:
    for implementation in filter(_is_used, plugin.implementations):
        labels = {"hook": implementation.hook, "plugin": plugin.info.name}
        for name, value in figures(implementation).items():
            yield _sample(f"vmon.plugin.{name}", value, now, **labels)
        if implementation.health.stuck:
            yield _sample("vmon.threads.stuck", 1, now, thread=implementation.thread)
    if plugin.restarts is not None:
        yield _sample("vmon.plugin.restarts", plugin.restarts, now, plugin=plugin.info.name)


def _is_used(implementation: Implementation) -> bool:
    health = implementation.health
    return bool(health.calls or health.stuck or health.quarantined)


def _sample(name: str, value: float, now: float, **labels: str) -> Sample:
    metric = _METRICS[name]
    return Sample(name, float(value), now, tuple(sorted(labels.items())), metric.unit, metric.kind == "counter")


def figures(implementation: Implementation) -> dict[str, float]:
    """How one implementation fares, as numbers."""
    health = implementation.health
    return {
        "calls": health.calls,
        "failures": health.failures,
        "seconds": health.total_seconds,
        "worst_seconds": health.worst_seconds,
        "stuck": int(health.stuck),
        "quarantined": int(health.quarantined),
    }


def top(host: PluginHost) -> dict[str, Any]:
    """How every plugin fares at this moment, as plain data; times in seconds."""
    return {
        "time": time.time(),
        "started": host.started,
        "dropped": host.dropped(),
        "plugins": [
            {
                **plugin.describe(),
                "hooks": {i.hook: {**figures(i), "thread": i.thread} for i in filter(_is_used, plugin.implementations)},
            }
            for plugin in host.plugins
        ],
    }
