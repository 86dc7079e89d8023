"""Look again after an action: did what caused it go away?"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from vmon_core.records import Action, Checkpoint, Outcome

VERIFY_AFTER = 10.0
"""Seconds after an action when its effect is looked at; two rounds of the slowest built-in collector."""


@attrs.frozen
class _Pending:
    action: Action
    outcome: Outcome
    condition: Callable[[Checkpoint], object]


class Verification:
    """Remembers actions that were done and checks later whether the condition that asked for them is gone."""

    def __init__(self) -> None:
        self._pending: list[_Pending] = []

    def expect(self, action: Action, outcome: Outcome, condition: Callable[[Checkpoint], object]) -> None:
        """Check `condition` again `VERIFY_AFTER` seconds after `outcome`."""
        self._pending.append(_Pending(action, outcome, condition))

    def due(self, checkpoint: Checkpoint) -> list[tuple[Action, Outcome]]:
        """Return the outcomes that can be judged now, with `verified` filled in."""
        ready = [p for p in self._pending if checkpoint.time - p.outcome.time >= VERIFY_AFTER]
        self._pending = [p for p in self._pending if p not in ready]
        return [(p.action, attrs.evolve(p.outcome, verified=_is_gone(p, checkpoint))) for p in ready]


def _is_gone(pending: _Pending, checkpoint: Checkpoint) -> bool | None:
    try:
        return not pending.condition(checkpoint)
    except Exception:  # noqa: BLE001 (the condition is the user's code; what it cannot tell is not known)
        return None
