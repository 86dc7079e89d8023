"""Where the time of a start went: phases that partition it exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.lifecycle.states import LifecycleState, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Change


@attrs.frozen
class Phase:
    """One phase of a start.

    Attributes:
        state: which one.
        start, end: in the time of the evidence; the end of one phase is the start of the next.
    """

    state: LifecycleState
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


def phases(changes: Iterable[Change], now: float) -> tuple[Phase, ...]:
    """Cut a start into its phases.

    Args:
        changes: the transitions, oldest first; only those up to the end of the first start count.
        now: the end of a phase that still goes on.

    Returns:
        The phases in order. Their durations add up to the time from launch to the end of the start, with no gap.
    """
    found: list[Phase] = []
    begun: Change | None = None
    for change in changes:
        if begun is not None:
            found.append(Phase(begun.state, begun.time, change.time))
        begun = change if change.state.stage is Stage.STARTUP else None
        if found and begun is None:
            return tuple(found)
    if begun is not None:
        found.append(Phase(begun.state, begun.time, max(now, begun.time)))
    return tuple(found)
