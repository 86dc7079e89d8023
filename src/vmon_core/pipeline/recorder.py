"""Who is told what the pipeline did: the journal, a screen, a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.dynamic import Documents
    from vmon_core.records import Action, Change, Checkpoint, Finding, Frame, Outcome, Verdict


class Recorder:
    """Takes every record in the order in which it was made, and forgets it: a subclass overrides what it cares about.

    `target` is the name of the deployment.
    """

    def add_frame(self, target: str, frame: Frame) -> None:
        """Note what was collected."""

    def add_change(self, target: str, change: Change) -> None:
        """Note a transition."""

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Note a snapshot."""

    def add_finding(self, target: str, finding: Finding) -> None:
        """Note a finding that is new, or that no longer holds."""

    def add_action(self, action: Action) -> None:
        """Note a proposal."""

    def add_verdict(self, action: Action, verdict: Verdict) -> None:
        """Note what the gate said to it."""

    def add_outcome(self, action: Action, outcome: Outcome) -> None:
        """Note what came of it; a second note of the same action says whether it helped."""

    def documents(self, owner: str) -> Documents | None:
        """Keep small records of `owner`, a plugin, from one start to the next; None when that is not possible."""
        del owner
        return None


class Recorders(Recorder):
    """Tells several recorders.

    Args:
        recorders: those to tell, in this order.
    """

    def __init__(self, recorders: Iterable[Recorder] = ()) -> None:
        self._all = list(recorders)

    def add(self, recorder: Recorder) -> None:
        """Tell one more from now on."""
        self._all.append(recorder)

    def add_frame(self, target: str, frame: Frame) -> None:
        """Pass it on."""
        for recorder in self._all:
            recorder.add_frame(target, frame)

    def add_change(self, target: str, change: Change) -> None:
        """Pass it on."""
        for recorder in self._all:
            recorder.add_change(target, change)

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Pass it on."""
        for recorder in self._all:
            recorder.add_checkpoint(checkpoint)

    def add_finding(self, target: str, finding: Finding) -> None:
        """Pass it on."""
        for recorder in self._all:
            recorder.add_finding(target, finding)

    def add_action(self, action: Action) -> None:
        """Pass it on."""
        for recorder in self._all:
            recorder.add_action(action)

    def add_verdict(self, action: Action, verdict: Verdict) -> None:
        """Pass it on."""
        for recorder in self._all:
            recorder.add_verdict(action, verdict)

    def add_outcome(self, action: Action, outcome: Outcome) -> None:
        """Pass it on."""
        for recorder in self._all:
            recorder.add_outcome(action, outcome)

    def documents(self, owner: str) -> Documents | None:
        """Those of the first recorder that has some."""
        return next((found for recorder in self._all if (found := recorder.documents(owner)) is not None), None)
