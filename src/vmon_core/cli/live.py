"""Views of a monitor at work: JSON lines, plain lines, or a live status in a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from vmon_core.cli.common import emit_json
from vmon_core.cli.text import change_line, colour, duration, ending_lines, finding_line, state_text
from vmon_core.lifecycle.states import Stage
from vmon_core.pipeline.recorder import Recorder
from vmon_core.report import ActionReport, action_dict, change_dict, finding_dict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.live import Live

    from vmon_core.feedback import Feedback
    from vmon_core.lifecycle.states import LifecycleState
    from vmon_core.monitor import VLLMMonitor
    from vmon_core.records import Action, Change, Finding, Outcome, Verdict
    from vmon_core.running import View

REMIND_SECONDS = 10.0
"""How often a start that goes on is mentioned where there is no terminal to show it live, in seconds."""


def make_view(*, as_json: bool) -> View:
    """Choose the view that fits: JSON when asked for, live in a terminal, lines otherwise."""
    if as_json:
        return JsonView()
    plain = not sys.stdout.isatty() or os.environ.get("TERM") == "dumb"
    return LineView() if plain else TerminalView()


class JsonView(Recorder):
    """Prints one JSON object for each transition, finding and proposed action, and the report at the end.

    While it is shown, what plugins print goes to standard error: whoever reads the JSON expects nothing else.
    """

    pace = 1.0

    def __init__(self) -> None:
        self._monitor: VLLMMonitor | None = None
        self._out = sys.stdout
        self._others = contextlib.ExitStack()

    def attach(self, monitor: VLLMMonitor, feedback: Feedback) -> None:  # noqa: ARG002 (a view's signature)
        """Begin to print."""
        self._others.enter_context(contextlib.redirect_stdout(sys.stderr))
        self._monitor = monitor
        monitor.add_recorder(self)

    def add_change(self, target: str, change: Change) -> None:
        """Print a transition."""
        self._emit({"event": "transition", "target": target, **change_dict(change)})

    def add_finding(self, target: str, finding: Finding) -> None:
        """Print a finding."""
        self._emit({"event": "finding", "target": target, **finding_dict(finding)})

    def add_verdict(self, action: Action, verdict: Verdict) -> None:
        """Print a proposal with what the gate said to it."""
        self._show_action(ActionReport(action=action, verdict=verdict))

    def add_outcome(self, action: Action, outcome: Outcome) -> None:
        """Print what came of it."""
        self._show_action(ActionReport(action=action, outcome=outcome))

    def _show_action(self, report: ActionReport) -> None:
        self._emit({"event": "action", "target": report.action.target, "id": report.action.id, **action_dict(report)})

    def refresh(self) -> None:
        """Nothing to show between two events."""

    def close(self) -> None:
        """Print the report."""
        if self._monitor is not None:
            self._emit({"event": "report", **self._monitor.get_lifecycle_report().as_dict()})
        self._others.close()

    def _emit(self, data: object) -> None:
        emit_json(data, self._out)


class LineView(Recorder):
    """Prints one line for each transition and finding, and during a start a reminder now and then."""

    pace = 1.0

    def __init__(self) -> None:
        self._monitor: VLLMMonitor | None = None
        self._reminded_at = time.monotonic()

    def attach(self, monitor: VLLMMonitor, feedback: Feedback) -> None:  # noqa: ARG002 (a view's signature)
        """Begin to print."""
        self._monitor = monitor
        monitor.add_recorder(self)

    def add_change(self, target: str, change: Change) -> None:  # noqa: ARG002 (a recorder's signature)
        """Print a transition."""
        self._show(change_line(change))

    def add_finding(self, target: str, finding: Finding) -> None:  # noqa: ARG002 (a recorder's signature)
        """Print a finding."""
        self._show(finding_line(finding))

    def refresh(self) -> None:
        """Remind of a start that goes on."""
        if self._monitor is None or time.monotonic() - self._reminded_at < REMIND_SECONDS:
            return
        self._reminded_at = time.monotonic()
        if self._monitor.tracker.state.stage is Stage.STARTUP:
            self._show(status_line(self._monitor, {}, time.time()))

    def close(self) -> None:
        """Print the end."""
        if self._monitor is not None:
            self._show("\n".join(ending_lines(self._monitor.get_lifecycle_report())))

    def _show(self, text: str) -> None:
        """Print it; this is called from the pipeline's thread, which knows nothing of click's context."""
        click.echo(text, color=colour())


class TerminalView(LineView):
    """Prints lines as `LineView` does, above a status that is always current."""

    pace = 0.25

    def __init__(self) -> None:
        super().__init__()
        self._live: Live | None = None

    def attach(self, monitor: VLLMMonitor, feedback: Feedback) -> None:
        """Begin to show."""
        from rich.console import Console
        from rich.live import Live

        super().attach(monitor, feedback)
        self._live = Live(console=Console(), refresh_per_second=4, transient=True)
        self._live.start()

    def refresh(self) -> None:
        """Show the present."""
        from rich.text import Text

        if self._live is not None and self._monitor is not None:
            line = status_line(self._monitor, self._monitor.expected_phases, time.time())
            self._live.update(Text.from_ansi(line))

    def close(self) -> None:
        """Take the status away and print the end."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        super().close()

    def _show(self, text: str) -> None:
        """Print it above the status."""
        from rich.text import Text

        if self._live is None:
            super()._show(text)
        else:
            self._live.console.print(Text.from_ansi(text), soft_wrap=True)


def status_line(monitor: VLLMMonitor, expected: Mapping[LifecycleState, float], now: float) -> str:
    """Say on one line what state it is in, since when, how far, how long that usually takes, and whether it is overdue.

    Args:
        monitor: the monitor.
        expected: seconds that each start-up phase took before, in the median.
        now: the present, in Unix seconds.
    """
    tracker = monitor.tracker
    spent = max(0.0, now - tracker.since)
    parts = [f"{state_text(tracker.state)} for {duration(spent)}"]
    startup = tracker.facts.startup
    if startup.total and startup.phase is tracker.state:
        parts.append(f"{startup.done}/{startup.total}")
    if tracker.state in expected:
        parts.append(f"usually {duration(expected[tracker.state])}")
    if tracker.state.stage is Stage.STARTUP and startup.began is not None:
        parts.append(f"start-up {duration(now - startup.began)}")
    return " · ".join(parts) + _stall_warning(monitor, now)


def _stall_warning(monitor: VLLMMonitor, now: float) -> str:
    bound, moved = monitor.tracker.state.stall_after, monitor.tracker.facts.startup.moved_at
    if monitor.tracker.state.stage is not Stage.STARTUP or bound is None or moved is None or now - moved < bound:
        return ""
    return click.style(f"  no sign of life for {duration(now - moved)} (bound {duration(bound)})", fg="yellow")
