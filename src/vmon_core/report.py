"""The lifecycle report: how a deployment's life went, as one record for people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.lifecycle.outcome import Failure, failure, leftovers, went_well
from vmon_core.lifecycle.phases import Phase
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import Action, Change, Checkpoint, CompatibilityCheck, Finding, Outcome, Verdict

if TYPE_CHECKING:
    from vmon_core.lifecycle.facts import Facts, Process
    from vmon_core.lifecycle.tracker import LifecycleTracker


@attrs.frozen(kw_only=True)
class ActionReport:
    """One proposed action, what the gate said and what came of it."""

    action: Action
    verdict: Verdict | None = None
    outcome: Outcome | None = None


@attrs.frozen(kw_only=True)
class LifecycleReport:
    """A life so far.

    Attributes:
        target: whose.
        state: the state at the end, and since when.
        changes: every transition.
        phases: where the time of the start went.
        failure: the root cause, where it ended badly.
        leftovers: what was left behind.
        findings: what was found, with those that are over.
        actions: what was proposed and done.
        processes: the deployment's processes, each with its own state.
        checkpoint: the latest snapshot.
    """

    target: str
    state: LifecycleState
    since: float
    changes: tuple[Change, ...] = ()
    phases: tuple[Phase, ...] = ()
    failure: Failure | None = None
    leftovers: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    actions: tuple[ActionReport, ...] = ()
    processes: tuple[Mapping[str, Any], ...] = ()
    checkpoint: Checkpoint | None = None

    @property
    def startup_seconds(self) -> float | None:
        """How long the start took, None when none was seen."""
        return sum(p.seconds for p in self.phases) if self.phases else None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return {
            "target": self.target,
            "state": self.state.value,
            "since": self.since,
            "good_end": went_well(self.state),
            "startup_seconds": self.startup_seconds,
            "phases": [phase_dict(p) for p in self.phases],
            "failure": failure_dict(self.failure),
            "leftovers": list(self.leftovers),
            "transitions": [change_dict(c) for c in self.changes],
            "findings": [finding_dict(f) for f in self.findings],
            "actions": [action_dict(a) for a in self.actions],
            "processes": [dict(p) for p in self.processes],
            "checkpoint": checkpoint_dict(self.checkpoint),
        }


def make_report(
    tracker: LifecycleTracker,
    *,
    findings: tuple[Finding, ...] = (),
    actions: tuple[ActionReport, ...] = (),
    checkpoint: Checkpoint | None = None,
) -> LifecycleReport:
    """Make the report of what a tracker has followed."""
    return LifecycleReport(
        target=tracker.target.name,
        state=tracker.state,
        since=tracker.since,
        changes=tuple(tracker.changes),
        phases=tracker.phases(),
        failure=failure(tracker.facts, tracker.changes),
        leftovers=leftovers(tracker.facts),
        findings=findings,
        actions=actions,
        processes=tuple(processes(tracker.facts)),
        checkpoint=checkpoint,
    )


def processes(facts: Facts) -> list[dict[str, Any]]:
    """Describe each process of a deployment: who it is and what it does now."""
    return [_process_dict(p) for p in sorted(facts.processes.values(), key=lambda p: p.pid)]


def _process_dict(process: Process) -> dict[str, Any]:
    return {
        "pid": process.pid,
        "role": process.role.value,
        "name": process.name,
        "state": _process_state(process),
        "phase": process.phase.value if process.phase else None,
        "cpu_seconds": process.cpu_seconds,
        "rss_bytes": process.rss_bytes,
    }


def _process_state(process: Process) -> str:
    if not process.alive:
        return "gone"
    return "stopped" if process.stopped else _STATUS.get(process.status, "alive")


_STATUS = {"R": "running", "S": "sleeping", "D": "waiting for disk", "Z": "zombie"}


def change_dict(change: Change) -> dict[str, Any]:
    """A transition as plain data."""
    return {
        "t": change.time,
        "from": change.origin.value,
        "to": change.state.value,
        "transition": change.transition.value,
        "reason": change.reason,
    }


def finding_dict(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        "t": finding.time,
        "code": finding.code,
        "severity": finding.severity.name.lower(),
        "summary": finding.summary,
        "entities": list(finding.entities),
        "advice": finding.advice,
        "source": finding.source,
        "cleared": finding.cleared,
    }


def phase_dict(phase: Phase) -> dict[str, Any]:
    """A phase as plain data; seconds are rounded to the tenth of a millisecond that recordings have."""
    return {"state": phase.state.value, "start": phase.start, "seconds": round(phase.seconds, 4)}


def failure_dict(failure: Failure | None) -> dict[str, Any] | None:
    """A failure as plain data, None when there is none."""
    if failure is None:
        return None
    return {**attrs.asdict(failure), "phase": failure.phase.value}


def checkpoint_dict(checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    """A checkpoint as plain data, None when there is none."""
    if checkpoint is None:
        return None
    return {
        **attrs.asdict(checkpoint),
        "state": checkpoint.state.value,
        "transition": checkpoint.transition.value,
        "checks": [check_dict(check) for check in checkpoint.checks],
    }


def check_dict(check: CompatibilityCheck) -> dict[str, Any]:
    """What a check concluded, as plain data."""
    return {**attrs.asdict(check), "verdict": check.verdict.value, "evidence": list(check.evidence)}


def action_dict(report: ActionReport) -> dict[str, Any]:
    """A proposed action with what the gate said and what came of it, as plain data."""
    verdict, outcome = report.verdict, report.outcome
    return {
        "t": report.action.time,
        "kind": report.action.kind,
        "policy": report.action.policy,
        "reason": report.action.reason,
        "verdict": {"ruling": verdict.ruling.value, "reason": verdict.reason, "by": verdict.by} if verdict else None,
        "outcome": {"status": outcome.status.value, "detail": outcome.detail, "verified": outcome.verified}
        if outcome
        else None,
    }
