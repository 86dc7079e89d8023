"""Lines of text for people; click takes the colour away where there is no terminal."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from vmon_core.lifecycle.states import LifecycleState, Stage
from vmon_core.records import CheckVerdict, Severity

if TYPE_CHECKING:
    from vmon_core.records import Change, Finding
    from vmon_core.report import ActionReport, LifecycleReport

BAR_WIDTH = 30
"""Columns of the longest bar of a phase table."""

A_DAY = 86400.0
"""Times below this many seconds are shown as seconds since launch: those of a replay; others as the time of day."""

_BAD = frozenset(
    {
        LifecycleState.HUNG,
        LifecycleState.CRASHED,
        LifecycleState.FAILED_TO_START,
        LifecycleState.KILLED,
        LifecycleState.LEFTOVERS,
        LifecycleState.CORRUPT,
        LifecycleState.STUCK_STOPPING,
    }
)
_DOUBTFUL = frozenset(
    {LifecycleState.STALLED, LifecycleState.SATURATED, LifecycleState.DEGRADED, LifecycleState.UNREACHABLE}
)

_CHECK_COLOUR = {CheckVerdict.FAILURE: "red", CheckVerdict.WARNING: "yellow"}

_SEVERITY_COLOUR = {
    Severity.CRITICAL: "red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
    Severity.DEBUG: "bright_black",
}


def colour() -> bool | None:
    """Whether to print colours: NO_COLOR and FORCE_COLOR say so, None leaves it to the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def colour_of(state: LifecycleState) -> str:
    """The colour that tells how good a state is."""
    if state in _BAD:
        return "red"
    if state in _DOUBTFUL:
        return "yellow"
    return "green" if state.stage is Stage.RUNNING or state is LifecycleState.STOPPED else "cyan"


def state_text(state: LifecycleState) -> str:
    """A state's name in its colour."""
    return click.style(state.value, fg=colour_of(state), bold=True)


def moment(seconds: float) -> str:
    """A time for people: seconds since launch in a replay, the local time of day otherwise.

    >>> moment(12.3456)
    '  12.346 s'
    """
    if seconds < A_DAY:
        return f"{seconds:8.3f} s"
    return time.strftime("%H:%M:%S", time.localtime(seconds)) + f".{int(seconds % 1 * 1000):03d}"


def duration(seconds: float) -> str:
    """A duration for people.

    >>> duration(0.25), duration(75), duration(7260)
    ('0.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:  # noqa: PLR2004 (a minute)
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 (an hour)
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def change_line(change: Change) -> str:
    """One transition on one line."""
    when = click.style(moment(change.time), dim=True)
    return f"{when}  {state_text(change.state)}  {change.reason}"


def finding_line(finding: Finding) -> str:
    """One finding on one line, or that it is over."""
    when = click.style(moment(finding.time), dim=True)
    if finding.cleared:
        return f"{when}  {click.style('over', fg='green')}  {finding.code}"
    name = click.style(finding.severity.name.lower(), fg=_SEVERITY_COLOUR[finding.severity])
    return f"{when}  {name}  {finding.code}: {finding.summary}"


def phase_lines(report: LifecycleReport) -> list[str]:
    """A table of the start's phases with bars; empty when no start was seen."""
    total = report.startup_seconds
    if not total:
        return []
    lines = [f"Start-up took {duration(total)}:"]
    for phase in report.phases:
        bar = "█" * max(1, round(phase.seconds / total * BAR_WIDTH))
        lines.append(f"  {phase.state.value:<20} {phase.seconds:8.2f} s  {click.style(bar, fg='cyan')}")
    return lines


def failure_lines(report: LifecycleReport) -> list[str]:
    """Why it failed and what to do; empty when it did not."""
    failure = report.failure
    if failure is None:
        return []
    code = click.style(failure.code, fg="red", bold=True)
    said = [f"The log says: {failure.cause}"] if failure.explanation else []
    fix = [f"Fix: {failure.advice}"] if failure.advice else []
    cause = f"Cause: {code} during {failure.phase.value}: {failure.explanation or failure.cause}"
    return [cause, *said, *fix, failure.restart_advice]


def ending_lines(report: LifecycleReport) -> list[str]:
    """How it ended: the phases, the cause, what was left behind."""
    left = [f"Left behind: {', '.join(report.leftovers)}"] if report.leftovers else []
    return ["", *phase_lines(report), *failure_lines(report), *left, f"Final state: {state_text(report.state)}"]


def report_lines(report: LifecycleReport) -> list[str]:
    """The whole report: the timeline, what was found and proposed, and the end."""
    lines = [f"{report.target}: {state_text(report.state)}", "", "What happened:"]
    lines += [f"  {change_line(c)}" for c in report.changes]
    if predicted := predicted_lines(report):
        lines += ["", "What was predicted:", *predicted]
    if report.findings:
        lines += ["", "What was found:", *(f"  {finding_line(f)}" for f in report.findings)]
    if report.actions:
        lines += ["", "What was proposed:", *(f"  {_action_line(a)}" for a in report.actions)]
    return lines + ending_lines(report)


def predicted_lines(report: LifecycleReport) -> list[str]:
    """What checks of the launch warned of, or were sure of; empty when nothing spoke against it."""
    checks = report.checkpoint.checks if report.checkpoint else ()
    told = [c for c in checks if c.verdict in _CHECK_COLOUR]
    return [f"  {click.style(c.verdict.value, fg=_CHECK_COLOUR[c.verdict])}  {c.code}: {c.summary}" for c in told]


def _action_line(report: ActionReport) -> str:
    when = click.style(moment(report.action.time), dim=True)
    verdict = f"{report.verdict.ruling} ({report.verdict.reason})" if report.verdict else "no verdict"
    line = f"{when}  {report.action.policy} -> {report.action.kind}: {verdict}"
    if report.outcome is None:
        return line
    helped = {True: ", it helped", False: ", it did not help", None: ""}[report.outcome.verified]
    return f"{line}; {report.outcome.status}: {report.outcome.detail}{helped}"
