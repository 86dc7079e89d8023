"""The hooks as typed methods: the one place where plugins' answers are checked and become ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from vmon_core.devices import Device, Inventory
from vmon_core.errors import PluginError, VmonError
from vmon_core.host.failures import describe, failed_in, is_interrupt
from vmon_core.host.sound import sound
from vmon_core.plugin import Server
from vmon_core.records import (
    Action,
    CheckVerdict,
    CompatibilityCheck,
    Finding,
    Frame,
    Outcome,
    OutcomeStatus,
    Ruling,
    Severity,
    Target,
    Verdict,
)

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from vmon_core.host.dispatch import Dispatcher, Implementation
    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import LaunchRequest
    from vmon_core.records import Change, Checkpoint

_T = TypeVar("_T")

ITEMS_LIMIT = 10_000
"""The most items that one call may return: a generator without end must not fill the memory."""

Find = Callable[[str], "list[Implementation]"]


class Hooks:
    """Calls each hook on all plugins that implement it.

    Args:
        find: tells the implementations of a hook, in the order of the calls.
        owner: tells the plugin that owns an action kind, None when nobody does.
        dispatcher: makes the calls.
    """

    def __init__(self, find: Find, owner: Callable[[str], str | None], dispatcher: Dispatcher) -> None:
        self._find = find
        self._owner = owner
        self._dispatcher = dispatcher

    # --- where data comes from ---

    def targets(self) -> tuple[Target, ...]:
        """The deployments that plugins find on this machine."""
        return tuple(self._flat("vmon_targets", {}, Target))

    def devices(self) -> tuple[Device, ...]:
        """The accelerators of this machine as they are now."""
        return self.inventory().devices

    def inventory(self) -> Inventory:
        """The same, and which plugins could not tell; it may take as long as the slowest driver."""
        asked = self._find("vmon_devices")
        results, failures = self._dispatcher.call_all(asked, {}, _items(Device))
        told, failed = {r.plugin for r in results}, {f.plugin: f.error for f in failures}
        silent = {i.plugin: failed.get(i.plugin, i.health.last_error) for i in asked if i.plugin not in told}
        return Inventory(tuple(device for result in results for device in result.value), silent)

    def check(self, launch: LaunchRequest, devices: tuple[Device, ...]) -> list[CompatibilityCheck]:
        """What plugins predict about a launch; one that fails could not tell."""
        return self._checks("vmon_check", {"launch": launch, "devices": devices})

    def diagnose(self, target: Target, devices: tuple[Device, ...] = ()) -> list[CompatibilityCheck]:
        """What plugins can and cannot see of a deployment; one that fails could not tell."""
        return self._checks("vmon_diagnose", {"target": target, "devices": devices})

    def explain(self, code: str) -> str | None:
        """What the first plugin that knows a code says about it; None when nobody does."""
        return self._first("vmon_explain", {"code": code}, _optional(str))[1]

    def launch(self, request: LaunchRequest) -> Server | None:
        """Start a server through the first plugin that can.

        Args:
            request: what to start.

        Returns:
            The server, None when no plugin knows the command.

        Raises:
            VmonError: the plugin says why it cannot.
            PluginError: a plugin failed; the next one is not asked, since a server may have been started already.
        """
        for implementation in self._find("vmon_launch"):
            server = self._dispatcher.ask(implementation, {"request": request}, _optional(Server))
            if server is not None:
                return server
        return None

    def adopt(self, target: Target) -> Server | None:
        """Take over a server through the first plugin that can.

        Args:
            target: the server as an earlier vmon left it.

        Returns:
            The server, None when no plugin proves it to be the same.

        Raises:
            VmonError: the plugin says why it cannot.
            PluginError: a plugin failed and no other one took it over: nobody knows whether it still runs.
        """
        return self._first("vmon_adopt", {"target": target}, _optional(Server))[1]

    def recording(self, path: Path) -> Iterable[Frame] | None:
        """Open a recording.

        Args:
            path: a file or a folder.

        Returns:
            Its frames, oldest first and read as they are asked for; None when no plugin knows its format.

        Raises:
            VmonError: the plugin says what is wrong with it; also later, while frames are read.
            PluginError: a plugin failed and no other one could open it; also later, while frames are read.
        """
        plugin, frames = self._first("vmon_recording", {"path": path}, _optional(Iterable))
        return None if frames is None else _frames(plugin, frames)

    # --- what is made of it ---

    def lifecycle(self, change: Change) -> None:
        """Tell of a transition."""
        self._dispatcher.call_all(self._find("vmon_lifecycle"), {"change": change})

    def analyze(self, window: Window) -> list[Finding]:
        """What analyzers conclude; one that fails is a finding itself."""
        results, failures = self._dispatcher.call_all(self._find("vmon_analyze"), {"window": window}, _items(Finding))
        found = [attrs.evolve(f, source=f.source or r.plugin) for r in results for f in r.value]
        return found + [
            Finding(
                code="vmon.plugin_failed",
                severity=Severity.WARNING,
                summary=f"the analyzer of plugin {f.plugin} failed: {f.error}",
                time=window.now,
                entities=(f.plugin,),
                source="vmon",
            )
            for f in failures
        ]

    def guardrail(self, checkpoint: Checkpoint) -> list[Action]:
        """What plugins propose."""
        return self._flat("vmon_guardrail", {"checkpoint": checkpoint}, Action)

    # --- what is done about it ---

    def review(self, action: Action, checkpoint: Checkpoint) -> list[Verdict]:
        """What reviewers rule; one that fails, or is stuck, denies."""
        reviewers = self._find("vmon_review")
        results, failures = self._dispatcher.call_all(
            reviewers, {"action": action, "checkpoint": checkpoint}, _optional(Verdict)
        )
        asked = {r.plugin for r in results} | {f.plugin for f in failures}
        silent = [(i.plugin, "it is out of service") for i in reviewers if i.plugin not in asked]
        denials = [(f.plugin, f.error) for f in failures] + silent
        return [attrs.evolve(r.value, by=r.value.by or r.plugin) for r in results if r.value is not None] + [
            Verdict(ruling=Ruling.DENY, reason=f"the review failed: {why}", by=plugin) for plugin, why in denials
        ]

    def intervene(self, action: Action) -> Outcome:
        """Have the one owner of the action's kind carry it out."""
        owner = self._owner(action.kind)
        found = [i for i in self._find("vmon_intervene") if i.plugin == owner]
        if not found:
            return _failed(action, f"no plugin carries out {action.kind!r}; see `vmon plugins`")
        results, failures = self._dispatcher.call_all(found, {"action": action}, lambda value: sound(value, Outcome))
        if results:
            outcome: Outcome = results[0].value
            return outcome
        return _failed(action, failures[0].error if failures else f"plugin {owner} is out of service")

    def export(self, frame: Frame) -> None:
        """Hand a copy to exporters."""
        self._dispatcher.call_all(self._find("vmon_export"), {"frame": frame})

    def commands(self, cli: click.Group) -> None:
        """Let plugins add commands."""
        self._dispatcher.call_all(self._find("vmon_commands"), {"cli": cli})

    # --- how ---

    def _checks(self, hook: str, arguments: dict[str, Any]) -> list[CompatibilityCheck]:
        results, failures = self._dispatcher.call_all(self._find(hook), arguments, _items(CompatibilityCheck))
        found = [attrs.evolve(c, source=c.source or r.plugin) for r in results for c in r.value]
        return found + [
            CompatibilityCheck(
                code="vmon.plugin_failed",
                verdict=CheckVerdict.NOT_EVALUATED,
                summary=f"the checks of plugin {f.plugin} failed: {f.error}",
                source=f.plugin,
            )
            for f in failures
        ]

    def _flat(self, hook: str, arguments: dict[str, Any], kind: type[_T]) -> list[_T]:
        results, _ = self._dispatcher.call_all(self._find(hook), arguments, _items(kind))
        return [item for result in results for item in result.value]

    def _first(
        self, hook: str, arguments: dict[str, Any], read: Callable[[object], _T | None]
    ) -> tuple[str, _T | None]:
        """Ask one after the other for an answer, and say who gave it; a failure counts when nobody else has one."""
        failures: list[PluginError] = []
        for implementation in self._find(hook):
            try:
                answer = self._dispatcher.ask(implementation, arguments, read)
            except PluginError as error:
                failures.append(error)
                continue
            if answer is not None:
                return implementation.plugin, answer
        if failures:
            raise failures[0]
        return "", None


def _items(kind: type[_T]) -> Callable[[Iterable[object] | None], list[_T]]:
    """Read an iterable of `kind`; one item of another kind spoils them all: its plugin is not to be trusted."""

    def read(value: Iterable[object] | None) -> list[_T]:
        items = [sound(item, kind) for item in islice(value or (), ITEMS_LIMIT + 1)]
        if len(items) > ITEMS_LIMIT:
            msg = f"it returned more than {ITEMS_LIMIT} items"
            raise ValueError(msg)
        return items

    return read


def _optional(kind: type[_T]) -> Callable[[object], _T | None]:
    """Read one `kind`, or None for a plugin that has nothing to say."""
    return lambda value: None if value is None else sound(value, kind)


def _frames(plugin: str, frames: Iterable[object]) -> Iterator[Frame]:
    """Pass frames on as they come; what goes wrong on the way has the plugin's name."""
    try:
        for frame in frames:
            yield sound(frame, Frame)
    except (VmonError, GeneratorExit):
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise failed_in(plugin, "vmon_recording", describe(error)) from error


def _failed(action: Action, detail: str) -> Outcome:
    return Outcome(action=action.id, status=OutcomeStatus.FAILED, detail=detail, time=action.time)
