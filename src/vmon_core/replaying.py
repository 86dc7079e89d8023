"""Replay a recording: find who can read it, and run it through the pipeline in the recording's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vmon_core.errors import VmonError
from vmon_core.feedback import Feedback
from vmon_core.lifecycle.tracker import LifecycleTracker
from vmon_core.pipeline.memory import MemoryRecorder
from vmon_core.pipeline.pipeline import Pipeline
from vmon_core.pipeline.recorder import Recorders
from vmon_core.pipeline.replay import replay
from vmon_core.records import Target
from vmon_core.report import LifecycleReport, make_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.records import Change, Finding, Frame

SQLITE_MAGIC = b"SQLite format 3\x00"
"""The first bytes of every SQLite file (https://www.sqlite.org/fileformat.html, section 1.3)."""


class Printer(Protocol):
    """Shows a replay while it runs."""

    def change(self, change: Change) -> None:
        """A transition."""

    def finding(self, finding: Finding) -> None:
        """A finding that is new or over."""


class _Printing(MemoryRecorder):
    """Keeps what the report needs and shows the rest as it comes."""

    def __init__(self, printer: Printer) -> None:
        super().__init__()
        self._printer = printer

    def add_change(self, target: str, change: Change) -> None:  # noqa: ARG002 (a recorder's signature)
        self._printer.change(change)

    def add_finding(self, target: str, finding: Finding) -> None:
        super().add_finding(target, finding)
        self._printer.finding(finding)


def replay_recording(path: Path, host: PluginHost, printer: Printer, *, target: str | None = None) -> LifecycleReport:
    """Run a recording through lifecycle, analysis and guardrails; nothing is carried out.

    Args:
        path: a journal, or whatever a plugin can open.
        host: the plugins.
        printer: shows transitions and findings.
        target: which deployment of a journal; None takes the one that was written last.

    Returns:
        The report of the whole life.

    Raises:
        VmonError: nobody can read the recording, or it holds nothing.
    """
    frames, name = open_recording(path, host, target)
    tracker = LifecycleTracker(Target(name=name), clock=lambda: 0.0)
    recorder = _Printing(printer)
    pipeline = Pipeline(tracker, host.hooks, Recorders([recorder]), Feedback())
    replay(frames, pipeline)
    if tracker.facts.seen_at is None:
        msg = f"{path} holds no recorded frames"
        raise VmonError(msg)
    return make_report(tracker, findings=recorder.findings, actions=recorder.actions, checkpoint=recorder.checkpoint)


def open_recording(path: Path, host: PluginHost, target: str | None = None) -> tuple[Iterable[Frame], str]:
    """Find out what `path` is and open it.

    Returns:
        The frames, oldest first, and the name of the deployment.

    Raises:
        VmonError: it is neither a journal nor known to a plugin.
    """
    if _is_sqlite(path):
        return _open_journal(path, target)
    frames = host.hooks.recording(path)
    if frames is None:
        msg = (
            f"{path} is no recording that vmon can read: it takes a journal (see `vmon config show`) or a folder of "
            "traces with launch.json and log.jsonl"
        )
        raise VmonError(msg)
    return frames, path.name


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def _open_journal(path: Path, target: str | None) -> tuple[Iterable[Frame], str]:
    from vmon_core.journal import Journal  # noqa: PLC0415 (a trace needs no database)

    journal = Journal(path, read_only=True)
    names = journal.targets()
    name = target or (names[-1] if names else None)
    if name is None or name not in names:
        known = ", ".join(names) or "none"
        msg = f"{path} has no deployment {target or ''!r}; it knows: {known}"
        raise VmonError(msg)
    return journal.frames(name), name
