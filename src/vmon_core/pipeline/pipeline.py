"""The pipeline: one frame in, everything that follows from it out. It is the same for live data and for a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.pipeline.findings import OpenFindings
from vmon_core.pipeline.gate import Gate
from vmon_core.pipeline.guardrails import Guardrails
from vmon_core.pipeline.verification import Verification
from vmon_core.pipeline.window import Window
from vmon_core.records import Ruling, Severity

if TYPE_CHECKING:
    from vmon_core.feedback import Feedback
    from vmon_core.host.hooks import Hooks
    from vmon_core.lifecycle.tracker import LifecycleTracker
    from vmon_core.pipeline.recorder import Recorder
    from vmon_core.records import Action, Change, Checkpoint, Finding, Frame

ANALYZE_EVERY = 1.0
"""Seconds of frame time between two rounds of analysis: no more often than data is collected."""


class Pipeline:
    """Takes frames of one target through lifecycle, analysis, guardrails, gate and interventions.

    Args:
        tracker: follows the target's life.
        hooks: the plugins, called in isolation.
        recorder: is told everything.
        feedback: tells people.
        gate: rules on actions.
    """

    def __init__(
        self,
        tracker: LifecycleTracker,
        hooks: Hooks,
        recorder: Recorder,
        feedback: Feedback,
        gate: Gate | None = None,
    ) -> None:
        self.tracker = tracker
        self.window = Window(tracker.target, tracker.facts)
        self.findings = OpenFindings()
        self.gate = gate or Gate()
        self._hooks = hooks
        self._recorder = recorder
        self._feedback = feedback
        self._guardrails = Guardrails(feedback)
        self._verification = Verification()
        self._analyzed_at: float | None = None

    @property
    def target(self) -> str:
        """The name of the deployment."""
        return self.tracker.target.name

    def advance(self, frame: Frame) -> None:
        """Take in one frame."""
        self._recorder.add_frame(self.target, frame)
        self.window.add(frame)
        changes = self.tracker.observe(frame.evidence, frame.time)
        self.window.state, self.window.since = self.tracker.state, self.tracker.since
        self.window.facts = self.tracker.facts
        for change in changes:
            self.note(change)
        if changes or self._is_due(frame.time):
            self._analyzed_at = frame.time
            self._analyze(frame.time)
            self._guard(self.checkpoint(frame.time))
        self._hooks.export(frame)

    def checkpoint(self, now: float, change: Change | None = None) -> Checkpoint:
        """Take a snapshot of the target with the latest metrics and the open findings."""
        metrics, findings = self.window.flat(), self.findings.codes
        return self.tracker.checkpoint(now=now, metrics=metrics, findings=findings, change=change)

    def _is_due(self, now: float) -> bool:
        return self._analyzed_at is None or now - self._analyzed_at >= ANALYZE_EVERY

    def note(self, change: Change) -> Checkpoint:
        """Record a transition with its checkpoint and tell the plugins."""
        checkpoint = self.checkpoint(change.time, change)
        self._recorder.add_change(self.target, change)
        self._recorder.add_checkpoint(checkpoint)
        self._hooks.lifecycle(change)
        return checkpoint

    def _analyze(self, now: float) -> None:
        for finding in self.findings.update(self._hooks.analyze(self.window), now):
            self._recorder.add_finding(self.target, finding)
            self._tell(finding)

    def _tell(self, finding: Finding) -> None:
        text = f"{finding.code} is over" if finding.cleared else finding.summary
        level = Severity.INFO if finding.cleared else finding.severity
        self._feedback.say(level, finding.source or "analyze", text, target=self.target, code=finding.code)

    def _guard(self, checkpoint: Checkpoint) -> None:
        for action, outcome in self._verification.due(checkpoint):
            self._recorder.add_outcome(action, outcome)
        policies = self.tracker.policies
        for action in self._guardrails.check(policies.values(), checkpoint):
            self._decide(action, checkpoint)
        for action in self._hooks.guardrail(checkpoint):
            self._decide(self.gate.bounded(action), checkpoint)

    def _decide(self, action: Action, checkpoint: Checkpoint) -> None:
        self._recorder.add_action(action)
        verdict = self.gate.rule(action, self._hooks.review(action, checkpoint))
        self._recorder.add_verdict(action, verdict)
        text = f"{action.policy} proposes {action.kind}: {verdict.ruling} ({verdict.reason})"
        self._feedback.say(Severity.WARNING, "gate", text, target=self.target, action=action.id, kind=action.kind)
        if verdict.ruling is Ruling.ALLOW:
            self._intervene(action)

    def _intervene(self, action: Action) -> None:
        outcome = self._hooks.intervene(action)
        self._recorder.add_outcome(action, outcome)
        text = f"{action.kind}: {outcome.status} ({outcome.detail})"
        self._feedback.say(Severity.INFO, "intervene", text, target=self.target, action=action.id)
        policy = self.tracker.policies.get(action.policy)
        if policy is not None:
            self._verification.expect(action, outcome, policy.condition)
