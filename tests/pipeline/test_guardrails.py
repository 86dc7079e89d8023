"""Guardrails: when a policy proposes, and what happens to a broken one."""

from __future__ import annotations

from typing import Any

import pytest

from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.pipeline.guardrails import Guardrails
from vmon_core.records import Checkpoint, GuardrailPolicy, Severity


class Said:
    """A feedback that remembers."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, level: Severity, source: str, text: str, **context: Any) -> None:
        """Remember."""
        self.texts.append(text)


@pytest.fixture
def said() -> Said:
    """What was said."""
    return Said()


def checkpoint(time: float, **metrics: float) -> Checkpoint:
    """A checkpoint at `time` with these metrics."""
    return Checkpoint(
        id=str(time),
        time=time,
        target="t",
        state=LifecycleState.SERVING,
        transition=StateTransition.LOAD,
        metrics=metrics,
    )


def policy(**options: Any) -> GuardrailPolicy:
    """A policy about memory."""
    return GuardrailPolicy(
        name="memory", condition=lambda cp: cp.metrics.get("memory", 0) > 90, intervention="notify", **options
    )


def test_proposes_while_violated_but_not_in_cooldown(said: Said) -> None:
    """A violated policy proposes at once, then keeps quiet for its cooldown."""
    guardrails = Guardrails(said)  # type: ignore[arg-type]  # a fake
    times = [t for t in range(0, 130, 10) if guardrails.check([policy()], checkpoint(t, memory=95))]
    assert times == [0, 60, 120]


def test_hold_for_waits_and_starts_again(said: Said) -> None:
    """With hold_for the condition must hold without a break."""
    guardrails = Guardrails(said)  # type: ignore[arg-type]  # a fake
    rules = [policy(hold_for=5)]
    values = {0: 95, 3: 50, 4: 95, 8: 95, 9: 95}
    proposed = [t for t, value in values.items() if guardrails.check(rules, checkpoint(t, memory=value))]
    assert proposed == [9]


def test_broken_condition_is_told_once_and_proposes_nothing(said: Said) -> None:
    """A condition that raises costs only itself, and is reported once."""
    guardrails = Guardrails(said)  # type: ignore[arg-type]  # a fake
    broken = GuardrailPolicy(name="b", condition=lambda cp: cp.metrics["absent"] > 1, intervention="notify")
    found = [guardrails.check([broken, policy()], checkpoint(t, memory=95)) for t in (0, 100)]
    assert [len(actions) for actions in found] == [1, 1]
    assert len(said.texts) == 1
    assert "KeyError" in said.texts[0]


def test_action_carries_reason_and_policy(said: Said) -> None:
    """A proposal says why, for whom and by which policy."""
    (action,) = Guardrails(said).check(  # type: ignore[arg-type]  # a fake
        [policy(description="Prevent OOM", parameters={"text": "hello"})], checkpoint(1.0, memory=95)
    )
    assert (action.kind, action.policy, action.reason, action.target) == ("notify", "memory", "Prevent OOM", "t")
    assert action.parameters == {"text": "hello"}


def test_an_error_does_not_end_a_violation(said: Said) -> None:
    """A condition that raises is unknown: the time that it has held is kept, and stands still meanwhile."""
    guardrails = Guardrails(said)  # type: ignore[arg-type]  # a fake
    rule = GuardrailPolicy(name="m", condition=lambda cp: cp.metrics["memory"] > 90, intervention="notify", hold_for=5)
    known = {0.0: 95, 3.0: 95, 60.0: 95, 61.0: 95, 62.0: 95}
    moments = [
        checkpoint(t, memory=known[t]) if t in known else checkpoint(t) for t in (0.0, 3.0, 6.0, 60.0, 61.0, 62.0)
    ]
    assert [len(guardrails.check([rule], moment)) for moment in moments] == [0, 0, 0, 0, 0, 1]


def test_a_forgotten_policy_starts_anew(said: Said) -> None:
    """One of the same name owes nothing to it."""
    guardrails = Guardrails(said)  # type: ignore[arg-type]  # a fake
    assert guardrails.judge(policy(), True, checkpoint(0.0)) is not None  # noqa: FBT003 (three values, not a flag)
    assert guardrails.judge(policy(), True, checkpoint(1.0)) is None  # noqa: FBT003 (likewise)
    guardrails.forget("memory")
    assert guardrails.judge(policy(), True, checkpoint(2.0)) is not None  # noqa: FBT003 (likewise)
