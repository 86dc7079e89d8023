"""Say what vmon can and cannot see of a deployment, and which features it has."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from vmon_core.errors import PluginError
from vmon_core.host.guarded import guarded
from vmon_core.host.say import nobody
from vmon_core.lifecycle.features import features
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.pipeline.recorder import Recorder
from vmon_core.records import CheckVerdict, CompatibilityCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from vmon_core.devices import Device
    from vmon_core.host.hooks import Hooks
    from vmon_core.records import Change, Target

PATIENCE = 10.0
"""Seconds for all plugins together; each has promised an answer within two."""

_READY = frozenset({LifecycleState.IDLE, LifecycleState.SERVING, LifecycleState.SATURATED})


def diagnose(
    hooks: Hooks, target: Target, arguments: Mapping[str, Any], reported: Mapping[str, Any]
) -> list[CompatibilityCheck]:
    """Ask the plugins what they see of a deployment, and tell its features by its devices and arguments.

    Args:
        hooks: of the loaded plugins.
        target: the deployment; without URL, process and log it stands for what is installed here.
        arguments: of the server, by name in snake case.
        reported: what the server says about itself.

    Returns:
        What was concluded; who did not answer within `PATIENCE` could not tell.
    """
    devices = _devices(hooks)
    return [
        *answered(lambda: hooks.diagnose(target, devices), "diagnosis", PATIENCE),
        *features(devices, arguments, reported),
    ]


def _devices(hooks: Hooks) -> tuple[Device, ...]:
    try:
        return guarded(hooks.devices, "asking for the devices", nobody, PATIENCE)
    except PluginError:
        return ()


def answered(ask: Callable[[], list[CompatibilityCheck]], what: str, seconds: float) -> list[CompatibilityCheck]:
    """Ask plugins for checks, within a deadline.

    Args:
        ask: asks them all.
        what: is asked for, as a word: `checks`.
        seconds: how long it may take.

    Returns:
        What they concluded; where that was not in time, one check `vmon.WHAT_failed` that was not evaluated.
    """
    try:
        return guarded(ask, f"asking for the {what}", nobody, seconds)
    except PluginError as error:
        return [unknown(f"vmon.{what}_failed", str(error))]


def unknown(code: str, why: str) -> CompatibilityCheck:
    """A check of vmon's own that could not be evaluated."""
    return CompatibilityCheck(code=code, verdict=CheckVerdict.NOT_EVALUATED, summary=why, source="vmon")


class ReadyDiagnosis(Recorder):
    """Diagnoses a deployment once, when it first is ready, on a thread of its own: no tick waits for it.

    Args:
        ask: makes the diagnosis.
        then: takes it, in that thread.
    """

    def __init__(
        self, ask: Callable[[], list[CompatibilityCheck]], then: Callable[[list[CompatibilityCheck]], None]
    ) -> None:
        self._ask = ask
        self._then = then
        self._began = False

    def add_change(self, target: str, change: Change) -> None:
        """Begin at the first transition to a state of work."""
        del target
        if self._began or change.state not in _READY:
            return
        self._began = True
        threading.Thread(target=self._run, name="vmon-diagnosis", daemon=True).start()

    def _run(self) -> None:
        self._then(self._ask())
