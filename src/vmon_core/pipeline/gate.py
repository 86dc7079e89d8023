"""The gate: the one place that every proposed action passes.

The order of the checks is part of the promise: kill switch, mode, reviewers. A later check never undoes an earlier
refusal, and whatever cannot be decided is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.records import GateMode, Ruling, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Action

_WEIGHT = {Ruling.ALLOW: 0, Ruling.HOLD: 1, Ruling.DENY: 2}

_REACH = {mode: reach for reach, mode in enumerate(GateMode)}
"""How far each mode lets an action go."""

_HELD = {
    GateMode.OBSERVE: "mode observe: noted, not done",
    GateMode.SUGGEST: "mode suggest: for a person to do",
    GateMode.APPROVE: "mode approve: waits for a person's yes",
}


@attrs.frozen
class Gate:
    """Rules on actions.

    Attributes:
        mode: how far actions may go unless a policy or the kind of action says otherwise.
        kinds: modes of single action kinds.
        kill_switch: a file; while it exists nothing is done.
    """

    mode: GateMode = GateMode.OBSERVE
    kinds: Mapping[str, GateMode] = attrs.field(factory=dict)
    kill_switch: Path | None = None

    def rule(self, action: Action, reviews: Iterable[Verdict] = ()) -> Verdict:
        """Rule on an action.

        Args:
            action: the proposal.
            reviews: what the reviewers said.

        Returns:
            The verdict: the strictest of all that have a say.
        """
        if self.kill_switch is not None and self.kill_switch.exists():
            return Verdict(ruling=Ruling.DENY, reason=f"the kill switch {self.kill_switch} is set", by="gate")
        own = self._by_mode(action)
        return max((own, *reviews), key=lambda v: _WEIGHT[v.ruling])

    def mode_of(self, action: Action) -> GateMode:
        """The mode that applies to an action: its policy's, else its kind's, else the gate's."""
        return action.mode or self.kinds.get(action.kind) or self.mode

    def bounded(self, action: Action) -> Action:
        """Make of a plugin's proposal one that goes no further than the user allows; it may hold itself back."""
        plain = attrs.evolve(action, mode=None)
        stricter = action.mode is not None and _REACH[action.mode] < _REACH[self.mode_of(plain)]
        return action if stricter else plain

    def _by_mode(self, action: Action) -> Verdict:
        mode = self.mode_of(action)
        if mode is GateMode.AUTO:
            return Verdict(ruling=Ruling.ALLOW, reason="mode auto", by="gate")
        if mode is GateMode.OFF:
            return Verdict(ruling=Ruling.DENY, reason="mode off", by="gate")
        return Verdict(ruling=Ruling.HOLD, reason=_HELD[mode], by="gate")
