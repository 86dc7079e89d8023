"""A recorder that keeps findings and actions in memory, for reports of a life that is still going on."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from vmon_core.pipeline.recorder import Recorder
from vmon_core.report import ActionReport

if TYPE_CHECKING:
    from vmon_core.records import Action, Checkpoint, Finding, Outcome, Verdict

KEPT = 1000
"""The most findings and actions kept; the journal has them all."""


class MemoryRecorder(Recorder):
    """Remembers what a report shows; transitions are with the tracker, frames with the journal."""

    def __init__(self) -> None:
        self.checkpoint: Checkpoint | None = None
        self._findings: deque[Finding] = deque(maxlen=KEPT)
        self._actions: dict[str, ActionReport] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, oldest first, those that are over included."""
        return tuple(self._findings)

    @property
    def actions(self) -> tuple[ActionReport, ...]:
        """The proposed actions, oldest first."""
        return tuple(self._actions.values())

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep the latest."""
        self.checkpoint = checkpoint

    def add_finding(self, target: str, finding: Finding) -> None:  # noqa: ARG002 (a recorder's signature)
        """Keep it."""
        self._findings.append(finding)

    def add_action(self, action: Action) -> None:
        """Keep it, and forget the oldest when there are too many."""
        self._actions[action.id] = ActionReport(action=action)
        while len(self._actions) > KEPT:
            del self._actions[next(iter(self._actions))]

    def add_verdict(self, action: Action, verdict: Verdict) -> None:
        """Put it with its action."""
        if action.id in self._actions:
            self._actions[action.id] = attrs.evolve(self._actions[action.id], verdict=verdict)

    def add_outcome(self, action: Action, outcome: Outcome) -> None:
        """Put it with its action; the later of two says whether it helped."""
        if action.id in self._actions:
            self._actions[action.id] = attrs.evolve(self._actions[action.id], outcome=outcome)
