"""Verification: what a later look says about an action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.pipeline.verification import VERIFY_AFTER, Verification
from vmon_core.records import Action, Checkpoint, Outcome, OutcomeStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize(("metrics", "verified"), [({"hot": 95}, False), ({"hot": 50}, True), ({}, None)])
def test_a_condition_that_raises_proves_nothing(metrics: Mapping[str, float], verified: object) -> None:
    """Neither that it helped nor that it did not."""
    verification = Verification()
    action = Action(id="1", kind="notify", target="t", reason="", policy="hot", time=0.0)
    outcome = Outcome(action="1", status=OutcomeStatus.DONE, detail="", time=0.0)
    verification.expect(action, outcome, lambda checkpoint: checkpoint.metrics["hot"] > 80)
    later = Checkpoint(
        id="1",
        time=VERIFY_AFTER,
        target="t",
        state=LifecycleState.SERVING,
        transition=StateTransition.LOAD,
        metrics=metrics,
    )
    [(_, judged)] = verification.due(later)
    assert judged.verified is verified
