"""What a rule of the lifecycle is given, and what it answers."""

from __future__ import annotations

import attrs

from vmon_core.evidence import FailureSeen, Role
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState


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
    """The failure that explains the others: the most specific, then the deepest reporter, then the earliest."""
    fatal = [f for f in facts.failures if f.fatal]
    return min(fatal, key=lambda f: (-f.weight, -f.depth, f.time), default=None)
