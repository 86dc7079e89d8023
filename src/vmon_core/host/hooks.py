"""The hooks as typed methods: the one place where plugins' answers are checked and become ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from vmon_core.records import Action, Finding, Outcome, OutcomeStatus, Ruling, Severity, Target, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from vmon_core.host.dispatch import Dispatcher, Implementation
    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import LaunchRequest, Server
    from vmon_core.records import Change, Checkpoint, Frame

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

    def launch(self, request: LaunchRequest) -> Server | None:
        """The server that the first plugin starts that can; its error is the caller's, since it names cause and fix."""
        server: Server | None = self._first("vmon_launch", {"request": request})
        return server

    def adopt(self, target: Target) -> Server | None:
        """The server that a plugin takes over, None when none proves it to be the same."""
        server: Server | None = self._first("vmon_adopt", {"target": target})
        return server

    def recording(self, path: Path) -> Iterable[Frame] | None:
        """The frames of a recording, None when no plugin knows its format."""
        frames: Iterable[Frame] | None = self._first("vmon_recording", {"path": path})
        return frames

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
            reviewers, {"action": action, "checkpoint": checkpoint}, _one(Verdict, optional=True)
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
        results, failures = self._dispatcher.call_all(found, {"action": action}, _one(Outcome))
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

    def _flat(self, hook: str, arguments: dict[str, Any], kind: type[_T]) -> list[_T]:
        results, _ = self._dispatcher.call_all(self._find(hook), arguments, _items(kind))
        return [item for result in results for item in result.value]

    def _first(self, hook: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 (each caller has its own type)
        """Ask one after the other for an answer; an error goes to the caller, who is a person at a prompt."""
        for implementation in self._find(hook):
            answer = implementation.function(*[arguments[name] for name in implementation.names])
            if answer is not None:
                return answer
        return None


def _items(kind: type[_T]) -> Callable[[Iterable[object] | None], list[_T]]:
    """Read an iterable of `kind`; one item of another kind spoils them all: its plugin is not to be trusted."""

    def read(value: Iterable[object] | None) -> list[_T]:
        items = [_checked(item, kind) for item in islice(value or (), ITEMS_LIMIT + 1)]
        if len(items) > ITEMS_LIMIT:
            msg = f"it returned more than {ITEMS_LIMIT} items"
            raise ValueError(msg)
        return items

    return read


def _one(kind: type[_T], *, optional: bool = False) -> Callable[[object], _T | None]:
    def read(value: object) -> _T | None:
        return None if optional and value is None else _checked(value, kind)

    return read


def _checked(item: object, kind: type[_T]) -> _T:
    if not isinstance(item, kind):
        msg = f"it returned {type(item).__name__} where {kind.__name__} is expected"
        raise TypeError(msg)
    return item


def _failed(action: Action, detail: str) -> Outcome:
    return Outcome(action=action.id, status=OutcomeStatus.FAILED, detail=detail, time=action.time)
