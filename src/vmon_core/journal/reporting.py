"""Make the report of a life from the journal alone, after the monitor that watched it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.errors import VmonError
from vmon_core.lifecycle.tracker import LifecycleTracker
from vmon_core.records import Target
from vmon_core.report import LifecycleReport, make_report

if TYPE_CHECKING:
    from vmon_core.journal import Journal


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
    for frame in journal.frames(name):
        tracker.observe(frame.evidence, frame.time)
    tracker.changes = list(journal.changes(name))
    if tracker.changes:
        tracker.state, tracker.since = tracker.changes[-1].state, tracker.changes[-1].time
    return make_report(
        tracker,
        findings=tuple(journal.findings(name)),
        actions=tuple(journal.actions(name)),
        checkpoint=journal.latest_checkpoint(name),
    )
