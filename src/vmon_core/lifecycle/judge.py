"""Judge facts: which state do they prove at this moment?

A list of rules, tried in order; the first that applies decides. Ends come before stops, stops before failures, failures
before the start-up phases, and those before what a running server does. Each rule is a pure function of a case.
"""

from __future__ import annotations

from vmon_core.lifecycle import ending, running
from vmon_core.lifecycle.case import Case, Judgement
from vmon_core.lifecycle.states import LifecycleState


def judge(case: Case) -> Judgement:
    """Tell which state the facts of `case` prove, and why."""
    for rule in RULES:
        judgement = rule(case)
        if judgement is not None:
            return judgement
    return Judgement(LifecycleState.UNKNOWN, "nothing is known yet")


RULES = (*ending.RULES, *running.RULES)
"""Every rule in the order in which it is tried."""
