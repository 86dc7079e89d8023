"""What a rule of the lifecycle is given, and what it answers."""

from __future__ import annotations

import attrs

from vmon_core.evidence import FailureSeen, Role
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState

CAUSE_SECONDS = 2.0
"""How far apart cause and consequence may be reported: an engine gives up on a failed worker within 0.1 s (`pp2`)."""


@attrs.frozen
class Case:
    """A moment to judge.

    Attributes:
        facts: what is known.
        now: the moment, in the time of the evidence.
        current: the state until now; it matters only where a state needs more to enter than to stay.
    """

    facts: Facts
    now: float
    current: LifecycleState = LifecycleState.UNKNOWN

    @property
    def has_engine(self) -> bool:
        """Whether there are engine or worker processes to look at."""
        return bool(self.facts.alive(Role.ENGINE_CORE, Role.WORKER))


@attrs.frozen
class Judgement:
    """A state and the sentence that says why."""

    state: LifecycleState
    reason: str


def root_cause(facts: Facts) -> FailureSeen | None:
    """The failure that explains the others: the most specific, then the deepest reporter, then the earliest.

    What was not fatal by itself can still be the cause, when something fatal was reported right after it.
    """
    first_fatal = min((f.time for f in facts.failures if f.fatal), default=None)
    if first_fatal is None:
        return None
    related = [f for f in facts.failures if f.fatal or abs(f.time - first_fatal) <= CAUSE_SECONDS]
    return min(related, key=lambda f: (-f.weight, -f.depth, f.time))
