"""Check guardrail policies against a checkpoint and propose what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.records import Action, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.feedback import Feedback
    from vmon_core.records import Checkpoint, GuardrailPolicy


@attrs.define
class _Watch:
    """What is remembered of one policy.

    Attributes:
        held: seconds that it is known to have held without a break.
        seen_at: when it was seen to hold by the latest look; None when that look saw something else.
        proposed_at: when it last proposed something.
        broken: its condition failed at the latest look.
    """

    held: float = 0.0
    seen_at: float | None = None
    proposed_at: float | None = None
    broken: bool = False


class Guardrails:
    """Evaluates policies; remembers how long each has held and when it last spoke.

    Args:
        feedback: is told of a policy whose condition fails.
    """

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback
        self._watches: dict[str, _Watch] = {}
        self._proposals = 0

    def check(self, policies: Iterable[GuardrailPolicy], checkpoint: Checkpoint) -> list[Action]:
        """Propose an action for every policy that is violated.

        Args:
            policies: those to check.
            checkpoint: the moment to check.

        Returns:
            The proposals of policies whose condition has held for `hold_for` and which are not cooling down.
        """
        judged = (self.judge(p, self._holds(p, checkpoint), checkpoint) for p in policies)
        return [action for action in judged if action is not None]

    def judge(self, policy: GuardrailPolicy, holds: bool | None, checkpoint: Checkpoint) -> Action | None:  # noqa: FBT001 (three values, not a flag)
        """Propose an action when it is time for it.

        Args:
            policy: whose condition was looked at.
            holds: what came of it; None when nobody knows: that neither violates the policy nor ends a violation, and
                the time of `hold_for` stands still meanwhile.
            checkpoint: the moment.

        Returns:
            The proposal, None when it is not time for one.
        """
        watch = self._watch(policy)
        if holds and watch.seen_at is not None:
            watch.held += checkpoint.time - watch.seen_at
        if holds is False:
            watch.held = 0.0
        watch.seen_at = checkpoint.time if holds else None
        return self._propose(policy, checkpoint) if holds and self._is_due(policy, watch, checkpoint) else None

    def forget(self, name: str) -> None:
        """Forget what is remembered of a policy that is no more."""
        self._watches.pop(name, None)

    def _watch(self, policy: GuardrailPolicy) -> _Watch:
        return self._watches.setdefault(policy.name, _Watch())

    @staticmethod
    def _is_due(policy: GuardrailPolicy, watch: _Watch, checkpoint: Checkpoint) -> bool:
        cooling = watch.proposed_at is not None and checkpoint.time - watch.proposed_at < policy.cooldown
        return not cooling and watch.held >= policy.hold_for

    def _holds(self, policy: GuardrailPolicy, checkpoint: Checkpoint) -> bool | None:
        watch = self._watch(policy)
        try:
            holds = bool(policy.condition(checkpoint))
        except Exception as error:  # noqa: BLE001 (the condition is the user's code; whatever it raises, the monitor goes on)
            if not watch.broken:
                text = (
                    f"the condition of guardrail {policy.name!r} failed: {error!r}; whether it is violated is not known"
                )
                self._feedback.say(Severity.ERROR, "guardrails", text, target=checkpoint.target, policy=policy.name)
            watch.broken = True
            return None
        watch.broken = False
        return holds

    def _propose(self, policy: GuardrailPolicy, checkpoint: Checkpoint) -> Action:
        self._watches[policy.name].proposed_at = checkpoint.time
        self._proposals += 1
        return Action(
            id=f"{checkpoint.id}-{self._proposals}",
            kind=policy.intervention,
            target=checkpoint.target,
            reason=policy.description or f"guardrail {policy.name} is violated",
            policy=policy.name,
            time=checkpoint.time,
            mode=policy.mode,
            parameters=policy.parameters,
        )
