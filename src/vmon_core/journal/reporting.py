"""Make the report of a life from the journal alone, after the monitor that watched it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.errors import VmonError
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.lifecycle.tracker import LifecycleTracker
from vmon_core.records import Target
from vmon_core.report import LifecycleReport, make_report

if TYPE_CHECKING:
    from vmon_core.journal import Journal
    from vmon_core.records import Change


def _latest_life(changes: tuple[Change, ...]) -> float | None:
    """When the latest life began: at the last transition out of nothing known."""
    begun = [change.time for change in changes if change.origin is LifecycleState.UNKNOWN]
    return begun[-1] if begun else None


def report_from_journal(journal: Journal, target: str | None = None) -> LifecycleReport:
    """Report the latest life of a deployment.

    Args:
        journal: where it was recorded.
        target: the deployment's name; None takes the one that was seen last.

    Raises:
        VmonError: the journal does not know it.
    """
    names = journal.targets()
    name = target or (names[-1] if names else "")
    if name not in names:
        msg = f"the journal knows no deployment {name!r}; it knows: {', '.join(names) or 'none'}"
        raise VmonError(msg)
    tracker = LifecycleTracker(Target(name=name))
    since = _latest_life(journal.changes(name))
    for frame in journal.frames(name, since):
        tracker.observe(frame.evidence, frame.time)
    tracker.changes = list(journal.changes(name, since))
    if tracker.changes:
        tracker.state, tracker.since = tracker.changes[-1].state, tracker.changes[-1].time
    return make_report(
        tracker,
        findings=journal.findings(name, since),
        actions=journal.actions(name, since),
        checkpoint=journal.latest_checkpoint(name),
    )
