"""What every plugin promises, as one check that a plugin's own tests can call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from vmon_core.evidence import Evidence
from vmon_core.host.plugin_host import PluginHost
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.pipeline.window import Window
from vmon_core.records import Checkpoint, Sample, Target, Tick

if TYPE_CHECKING:
    from vmon_core.plugin import PluginInfo
    from vmon_core.records import Severity

NOBODY = Target(name="nobody")
"""A deployment without a process, a URL or a log: there is nothing to be known of it."""


def check_plugin(plugin: object) -> PluginInfo:
    """Check that a plugin can be loaded, and that it makes nothing of nothing.

    Args:
        plugin: a module or an object with hook implementations.

    Returns:
        What it says about itself.

    Raises:
        AssertionError: it breaks a promise; the message says which.
        PluginError: it cannot be loaded.

    >>> from vmon_core.notify import NotifyPlugin
    >>> from vmon_core.feedback import Feedback
    >>> check_plugin(NotifyPlugin(Feedback())).name
    'notify'
    """
    said: list[str] = []

    def say(level: Severity, source: str, text: str, **context: object) -> None:  # noqa: ARG001 (a handler's signature)
        said.append(text)

    host = PluginHost(say)
    loaded = host.register(plugin)
    _check_collect(host)
    _check_judging(host)
    assert not said, f"it fails on a deployment of which nothing is known: {said}"  # noqa: S101 (a check for tests)
    return loaded.info


def _check_collect(host: PluginHost) -> None:
    for implementation in host.collectors:
        found = implementation.function(*([Tick(0.0, NOBODY)] if implementation.names else []))
        if inspect.iscoroutine(found):
            found.close()
            continue
        strange = [type(f).__name__ for f in found or () if not isinstance(f, Sample | Evidence)]
        assert not strange, f"vmon_collect returns {strange}, not samples and evidence"  # noqa: S101 (a check for tests)


def _check_judging(host: PluginHost) -> None:
    found = host.hooks.analyze(Window(NOBODY, Facts()))
    assert not found, f"vmon_analyze finds {[f.code for f in found]} where nothing is known"  # noqa: S101 (a check for tests)
    proposed = host.hooks.guardrail(_unknown())
    assert not proposed, f"vmon_guardrail proposes {[a.kind for a in proposed]} where nothing is known"  # noqa: S101 (a check for tests)


def _unknown() -> Checkpoint:
    return Checkpoint(
        id="0", time=0.0, target=NOBODY.name, state=LifecycleState.UNKNOWN, transition=StateTransition.DISCOVERY
    )
