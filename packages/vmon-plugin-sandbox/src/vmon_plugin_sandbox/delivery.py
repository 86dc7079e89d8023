"""Between the pipeline and the workers: what each hands in for the other, so that neither waits."""

from __future__ import annotations

import threading
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.dynamic import CodeKind, Problem
from vmon_core.feedback import Feedback
from vmon_core.pipeline.guardrails import Guardrails
from vmon_core.records import Finding, GuardrailPolicy, Severity
from vmon_plugin_sandbox import allowance, exports, rules
from vmon_plugin_sandbox.allowance import Allowance, Allowances
from vmon_plugin_sandbox.results import Choice
from vmon_plugin_sandbox.sweeps import Job
from vmon_plugin_sandbox.view import View, change_fields, frame_rows
from vmon_plugin_sandbox.words import label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.dynamic import CodePlugin
    from vmon_core.pipeline.window import Window
    from vmon_core.records import Action, Change, Checkpoint, Frame, Labels, Sample
    from vmon_plugin_sandbox.registry import Entry, Registry
    from vmon_plugin_sandbox.voice import Voice

STALE = 10.0
"""Seconds after which an answer about the past says nothing about the present."""

_CHANGES, _FRAMES, _ROWS = 20, 64, 1000
"""What waits for lifecycle listeners and exporters at most, and the rows of one run."""

_JUDGING = (CodeKind.ANALYZER, CodeKind.GUARDRAIL, CodeKind.INTERVENTION)
_ACTING = (CodeKind.GUARDRAIL, CodeKind.INTERVENTION)


class Delivery:
    """Holds the newest moment for the workers, and their newest answers for the pipeline.

    Args:
        registry: the plugins.
        voice: tells what listeners answer.

    Attributes:
        view: the newest moment.
    """

    def __init__(self, registry: Registry, voice: Voice) -> None:
        self.view = View()
        self._registry = registry
        self._voice = voice
        self._lock = threading.Lock()
        self._samples: list[Sample] = []
        self._writers: dict[str, str] = {}
        self._series: set[tuple[str, Labels]] = set()
        self._new_series = Allowances(Allowance(allowance.PLUGIN_SERIES), Allowance(allowance.OWNER_SERIES))
        self._new_findings = Allowances(
            Allowance(allowance.PLUGIN_FINDINGS, allowance.FINDINGS_WITHIN),
            Allowance(allowance.OWNER_FINDINGS, allowance.FINDINGS_WITHIN),
        )
        self._changes: deque[Change] = deque(maxlen=_CHANGES)
        self._frames: deque[Frame] = deque(maxlen=_FRAMES)
        self._again: list[Job] = []
        self._guardrails = Guardrails(Feedback())

    # --- from the pipeline's thread: quick ---

    def see(self, checkpoint: Checkpoint) -> None:
        """Take the newest moment."""
        self.view = View(checkpoint, self.view.window)

    def look_back(self, window: Window) -> None:
        """Take the recent past."""
        if self.view.window is not window:
            self.view = View(self.view.checkpoint, window)

    def hear(self, change: Change) -> None:
        """Take a transition."""
        if self._has(CodeKind.LIFECYCLE):
            self._changes.append(change)

    def export(self, frame: Frame) -> None:
        """Take what came in."""
        if frame.samples and self._has(CodeKind.EXPORTER):
            self._frames.append(frame)

    def findings(self, now: float) -> list[Finding]:
        """What analyzers found last, and which plugins do not run any more."""
        found: list[Finding] = []
        for entry in self._registry.entries:
            if entry.health.disabled:
                found.append(_disabled(entry, now))
            elif entry.plugin.kind is CodeKind.ANALYZER:
                found += entry.result or ()
        return found

    def proposals(self, checkpoint: Checkpoint) -> list[Action]:
        """What guardrails and interventions propose, by the answers that they gave last."""
        judged = (self._judged(e, checkpoint) for e in self._registry.entries if e.plugin.kind in _ACTING)
        return [attrs.evolve(action, id=f"code-{action.id}") for action in judged if action is not None]

    def _judged(self, entry: Entry, checkpoint: Checkpoint) -> Action | None:
        known = entry.health.may_run(checkpoint.time) and checkpoint.time - entry.at <= STALE
        answer = entry.result if known else None
        chosen = answer if isinstance(answer, Choice) else None
        holds = None if answer is None else answer is True or chosen is not None
        plugin = entry.plugin
        policy = GuardrailPolicy(
            name=f"code.{plugin.name}",
            condition=bool,
            intervention=chosen.kind if chosen else plugin.actions[0],
            description=(chosen.reason if chosen else "") or label(plugin.description),
            hold_for=plugin.hold_for,
            cooldown=plugin.cooldown,
        )
        return self._guardrails.judge(policy, holds, checkpoint)

    def _has(self, kind: CodeKind) -> bool:
        return any(entry.plugin.kind is kind for entry in self._registry.entries)

    # --- from the sweep's thread ---

    def jobs(self, now: float) -> list[Job]:
        """What is due, with what each has to hear of."""
        events = {CodeKind.LIFECYCLE: self._heard(), CodeKind.EXPORTER: self._rows()}
        again, self._again = self._again, []
        ready = [e for e in self._registry.entries if not e.busy and e.health.may_run(now)]
        fresh = [Job(e, event) for e in ready for event in events.get(e.plugin.kind, [])]
        due = [Job(e) for e in ready if e.plugin.kind not in events and self._is_due(e, now)]
        return [*(job for job in again if job.entry in ready), *fresh, *due]

    def retry(self, job: Job) -> None:
        """Keep the event of a run that was put off."""
        if job.event is not None:
            self._again = [*self._again, job][-_FRAMES:]

    def samples(self) -> list[Sample]:
        """What collectors brought in since the last time."""
        with self._lock:
            samples, self._samples = self._samples, []
            return samples

    def _is_due(self, entry: Entry, now: float) -> bool:
        if entry.plugin.kind in _JUDGING:
            return entry.at != self.view.checkpoint.time
        return now >= entry.due

    def _heard(self) -> list[object]:
        return [change_fields(self._changes.popleft()) for _ in range(len(self._changes))]

    def _rows(self) -> list[object]:
        frames = [self._frames.popleft() for _ in range(len(self._frames))]
        rows = [row for frame in frames for row in frame_rows(frame)]
        return [rows[n : n + _ROWS] for n in range(0, len(rows), _ROWS)]

    # --- from the workers' threads ---

    def take(self, entry: Entry, view: View, answer: Any) -> None:  # noqa: ANN401 (each kind has its own)
        """Keep an answer about a moment for the pipeline, or pass it on."""
        plugin = entry.plugin
        if plugin.kind is CodeKind.COLLECTOR:
            with self._lock:
                self._writers |= {sample.name: plugin.name for sample in answer}
                self._series |= {(sample.name, sample.labels) for sample in answer}
                self._samples += answer
        elif plugin.kind is CodeKind.LIFECYCLE:
            if answer:
                self._voice.info(f"{plugin.name}: {answer}")
        elif plugin.kind is CodeKind.EXPORTER:
            folder = self._voice.folder
            if folder is not None:
                exports.append(folder / "exports", plugin.name, answer)
        else:
            entry.result, entry.at = False if answer is None else answer, view.checkpoint.time

    def unknown(self, entry: Entry, view: View) -> None:
        """Note that a run gave no answer: findings stay until they are known to be over, a guardrail is unknown."""
        entry.at = view.checkpoint.time
        if entry.plugin.kind in _ACTING:
            entry.result = None

    def replaced(self, name: str) -> None:
        """Forget what is remembered of a plugin that was replaced or removed."""
        self._guardrails.forget(f"code.{name}")

    def flood(self, entry: Entry, answer: Any) -> Problem | None:  # noqa: ANN401 (each kind has its own)
        """Whether an answer brings in more that is new than its plugin and its owner may."""
        if entry.plugin.kind is CodeKind.COLLECTOR:
            new = {(sample.name, sample.labels) for sample in answer or ()} - self._series
            return self._beyond(
                entry, self._new_series, len(new), "series", "keep what differs each time out of labels"
            )
        if entry.plugin.kind is CodeKind.ANALYZER:
            known = {(finding.code, finding.entities) for finding in entry.result or ()}
            opened = {(finding.code, finding.entities) for finding in answer or ()} - known
            return self._beyond(entry, self._new_findings, len(opened), "findings in ten minutes", "put them into one")
        return None

    def _beyond(self, entry: Entry, allowed: Allowances, number: int, what: str, help_: str) -> Problem | None:
        plugin = entry.plugin
        refused = allowed.refuse(plugin.name, plugin.owner, number, self.view.checkpoint.time)
        return Problem(message=f"{refused} {what}", help=help_, code="limit") if refused else None

    def collision(self, plugin: CodePlugin, answer: Any) -> Problem | None:  # noqa: ANN401 (each kind has its own)
        """Whether a collector writes a metric that is somebody else's: numbers of two writers would be added up."""
        if plugin.kind is not CodeKind.COLLECTOR:
            return None
        names = {sample.name for sample in answer or ()}
        return next(chain(rules.reserved(plugin, names), self._taken(plugin, names)), None)

    def _taken(self, plugin: CodePlugin, names: set[str]) -> Iterator[Problem]:
        for name in sorted(names):
            writer = self._writers.get(name)
            others = writer is not None and writer != plugin.name and self._registry.get(writer) is not None
            if others or (writer is None and name in self.view.metrics):
                owner = f"the code plugin {writer!r}" if others else "another plugin"
                message = f"the metric {name!r} is written by {owner}"
                yield Problem(message=message, help=f"choose another name, such as {plugin.name}.{name}", code="name")


def _disabled(entry: Entry, now: float) -> Finding:
    return Finding(
        code="sandbox.plugin_disabled",
        severity=Severity.WARNING,
        summary=f"code plugin {entry.plugin.name} does not run: {label(entry.health.disabled, 300)}",
        time=now,
        entities=(entry.plugin.name,),
        advice=f"mend it and create it again, or go back: vmon plugins back-out {entry.plugin.name}",
    )
