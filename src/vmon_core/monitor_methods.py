"""What `vmon` commands can ask of a running monitor: one line of `METHODS` each.

A method takes the monitor and its parameters by name, and returns plain data; a `VmonError` is shown to the caller. It
runs on a thread of the control socket, one at a time; what must not meet a turn of the pipeline goes through
`monitor.between_ticks`.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core import cost
from vmon_core.control.code import code_methods
from vmon_core.control.server import ControlServer
from vmon_core.report import finding_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_core.monitor import VLLMMonitor


def status(monitor: VLLMMonitor, *, metrics: bool = False) -> dict[str, Any]:
    """Tell the state, since when, why, and what is wrong; with `metrics`, also the latest value of each."""

    def look() -> dict[str, Any]:
        tracker, pipeline = monitor.tracker, monitor.pipeline
        return {
            "pid": os.getpid(),
            "target": monitor.target.name,
            "url": monitor.target.url,
            "state": tracker.state.value,
            "since": tracker.since,
            "reason": tracker.changes[-1].reason if tracker.changes else "",
            "findings": [finding_dict(finding) for finding in pipeline.findings.all],
            **({"metrics": pipeline.window.flat()} if metrics else {}),
        }

    return monitor.between_ticks(look)


def list_plugins(monitor: VLLMMonitor) -> dict[str, Any]:
    """Tell which plugins are in use and how each fares, and which were rejected, with the reason."""
    rejected = [rejection.describe() for rejection in monitor.plugin_manager.report.rejected]
    return {"loaded": monitor.list_plugins(), "rejected": rejected}


def top(monitor: VLLMMonitor) -> dict[str, Any]:
    """Tell what each plugin costs and how it fares, hook by hook; times in seconds."""
    return cost.top(monitor.plugin_manager)


def reload_plugin(monitor: VLLMMonitor, *, name: str) -> dict[str, Any]:
    """Put the version that a plugin's files hold now in the place of the one in use."""
    return attrs.asdict(monitor.reloader.reload(name))


def enable_plugin(monitor: VLLMMonitor, *, name: str) -> dict[str, Any]:
    """Load a plugin that is not in use, now and not for the next start."""
    return attrs.asdict(monitor.reloader.enable(name))


def disable_plugin(monitor: VLLMMonitor, *, name: str) -> dict[str, Any]:
    """Stop a plugin and forget it, now and not for the next start."""
    return attrs.asdict(monitor.reloader.disable(name))


METHODS: Mapping[str, Callable[..., Any]] = {
    "status": status,
    "plugins.list": list_plugins,
    "plugins.top": top,
    "plugins.reload": reload_plugin,
    "plugins.enable": enable_plugin,
    "plugins.disable": disable_plugin,
}
"""The functions by the names under which they are called."""


def control_of(monitor: VLLMMonitor) -> ControlServer:
    """Make the control socket of a monitor; as a context manager it listens."""
    own: dict[str, Callable[..., Any]] = {name: partial(method, monitor) for name, method in METHODS.items()}
    methods = {**own, **code_methods(monitor.plugin_manager.code)}
    return ControlServer(monitor.config.data_dir, monitor.target.name, methods, monitor.feedback.say)
