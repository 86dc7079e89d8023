"""The tracker: the one place where a deployment's state lives and changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from vmon_core.evidence import ActionTaken, ProcessSampled, ServerDescribed
from vmon_core.lifecycle.case import Case
from vmon_core.lifecycle.checkpoint import CheckpointMaker
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.fold import fold
from vmon_core.lifecycle.judge import judge
from vmon_core.lifecycle.phases import Phase, phases
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.lifecycle.transitions import why
from vmon_core.records import Change, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmon_core.evidence import Evidence
    from vmon_core.records import Checkpoint, GuardrailPolicy

KEPT_CHANGES = 10_000
"""The most transitions kept in memory; the journal has them all."""


class LifecycleTracker:
    """Follows one deployment: evidence goes in, transitions come out.

    Args:
        target: whom it follows; a nameless one is fine for a tracker that is used by itself.
        clock: tells the time for what callers report without one, in Unix seconds.

    >>> tracker = LifecycleTracker(clock=lambda: 0.0)
    >>> checkpoint = tracker.track_startup(arguments={"model": "tiny"}, environment={"CUDA_VISIBLE_DEVICES": "0"})
    >>> checkpoint.state, checkpoint.arguments["model"]
    (<LifecycleState.LAUNCHING: 'LAUNCHING'>, 'tiny')
    """

    def __init__(self, target: Target | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.target = target or Target(name="vllm")
        self.state = LifecycleState.UNKNOWN
        self.since = 0.0
        self.facts = Facts()
        self.changes: list[Change] = []
        self.policies: dict[str, GuardrailPolicy] = {}
        self.checkpoints = CheckpointMaker(self.target.name)
        self._clock = clock
        self._judged_at = float("-inf")

    # --- evidence in, transitions out ---

    def observe(self, evidence: Iterable[Evidence], now: float | None = None) -> list[Change]:
        """Take in observations and judge after each, so that no state in between is lost.

        Args:
            evidence: oldest first.
            now: the moment to judge at the end; None takes the newest evidence's time.

        Returns:
            The transitions that followed, oldest first.
        """
        changes = []
        for seen in evidence:
            self.facts = fold(self.facts, seen)
            if not isinstance(seen, ProcessSampled):  # several come in each look; one judgement serves them all
                changes += self._judge(seen.time, (seen,))
        moment = now if now is not None else self.facts.seen_at
        return changes + (self._judge(moment, ()) if moment is not None else [])

    def _judge(self, now: float, evidence: tuple[Evidence, ...]) -> list[Change]:
        now = self._judged_at = max(now, self._judged_at)  # collectors hand in late what they saw earlier
        judgement = judge(Case(self.facts, now, self.state))
        if judgement.state is self.state:
            return []
        return [self._move(judgement.state, why(self.state, judgement.state), judgement.reason, now, evidence)]

    def _move(
        self,
        state: LifecycleState,
        transition: StateTransition,
        reason: str,
        now: float,
        evidence: tuple[Evidence, ...] = (),
    ) -> Change:
        change = Change(
            time=now, origin=self.state, state=state, transition=transition, reason=reason, evidence=evidence
        )
        self.state, self.since = state, now
        self.changes.append(change)
        del self.changes[:-KEPT_CHANGES]
        return change

    # --- what callers report themselves ---

    def track_startup(
        self, arguments: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
    ) -> Checkpoint:
        """Note that the deployment is being started.

        Args:
            arguments: the server's arguments, by name.
            environment: its environment; what is not on the allow-list is left out and secrets are redacted.

        Returns:
            The checkpoint of the start.
        """
        now = self._clock()
        self.checkpoints.describe(arguments=arguments, environment=environment)
        launch = ActionTaken(time=now, action="launch", summary="start-up was reported")
        self.observe([launch, ServerDescribed(time=now, facts=dict(arguments or {}))], now)
        return self.checkpoint(now=now)

    def track_state(
        self, state: LifecycleState, transition: StateTransition, details: Mapping[str, Any] | None = None
    ) -> Change:
        """Note a state that the caller knows; evidence that comes in later may overrule it.

        Args:
            state: the state.
            transition: why.
            details: plain values about the server, such as its model; they are kept in the checkpoints.

        Returns:
            The transition.
        """
        now = self._clock()
        if details:
            self.facts = fold(self.facts, ServerDescribed(time=now, facts=dict(details)))
        return self._move(state, transition, "reported by the caller", now)

    def register_guardrail(self, policy: GuardrailPolicy) -> None:
        """Add a policy; one of the same name is replaced."""
        self.policies[policy.name] = policy

    # --- what is known ---

    def checkpoint(
        self,
        *,
        now: float | None = None,
        metrics: Mapping[str, float] | None = None,
        findings: tuple[str, ...] = (),
        change: Change | None = None,
    ) -> Checkpoint:
        """Take a snapshot.

        Args:
            now: its time; None asks the clock.
            metrics: the latest value of each series.
            findings: codes of open findings.
            change: the transition that it belongs to; None takes the latest.
        """
        last = change or (self.changes[-1] if self.changes else None)
        moment = now if now is not None else self._clock()
        return self.checkpoints.make(moment, self.facts, last, metrics=metrics or {}, findings=findings)

    def phases(self, now: float | None = None) -> tuple[Phase, ...]:
        """The phases of the start so far; see `vmon_core.lifecycle.phases.phases`."""
        return phases(self.changes, now if now is not None else (self.facts.seen_at or 0.0))
