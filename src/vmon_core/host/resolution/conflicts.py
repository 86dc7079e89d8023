"""Which plugins cannot live with each other, and who stays."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import attrs

from vmon_core.host.resolution.records import Member, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.host.resolution.records import Rejection
    from vmon_core.host.resolution.scene import Scene


def contested(scene: Scene) -> Iterator[Rejection]:
    """Object to plugins that cannot live with another one, or want to carry out the same kind of action.

    Of two, a plugin in use stays, and so does one that the user prefers. These decisions go first, since they may
    settle the rest; when nothing decides between two, neither is loaded.
    """
    pairs = list(_pairs(scene))
    decided = [decision for pair in pairs if (decision := _decided(pair, scene))]
    losers = {decision.loser.name for decision in decided}
    firm = [decision for decision in decided if decision.winner.name not in losers]
    open_ = [_Decision(a, b, pair) for pair in pairs for a, b in ((pair.one, pair.two), (pair.two, pair.one))]
    for decision in {d.loser.name: d for d in reversed(firm or open_)}.values():
        yield decision.rejection(firm=bool(firm))


@attrs.frozen
class _Pair:
    one: Member
    two: Member
    code: Reason
    text: str


@attrs.frozen
class _Decision:
    loser: Member
    winner: Member
    pair: _Pair

    def rejection(self, *, firm: bool) -> Rejection:
        """Object to the loser; `firm` when the other one stays."""
        disable = f"vmon plugins disable {self.winner.name}"
        if firm:
            reason, help_ = f"{self.pair.text}; {self.winner.name} stays", f"to use this one instead: {disable}"
        else:
            reason = f"{self.pair.text}; neither is loaded"
            help_ = f"{disable}, or name the one that is to stay in [plugins] required"
        return self.loser.rejected(self.pair.code, reason, help_)


def _decided(pair: _Pair, scene: Scene) -> _Decision | None:
    one, two = ((m in scene.settled, m.name in scene.preferred) for m in (pair.one, pair.two))
    if one == two:
        return None
    return _Decision(pair.two, pair.one, pair) if one > two else _Decision(pair.one, pair.two, pair)


def _pairs(scene: Scene) -> Iterator[_Pair]:
    settled = {member.name for member in scene.settled}
    for one, two in combinations(scene.present, 2):
        quarrel = None if two.name in settled else _quarrel(one, two)
        if quarrel:
            yield _Pair(one, two, *quarrel)


def _quarrel(one: Member, two: Member) -> tuple[Reason, str] | None:
    for subject, other in ((one, two), (two, one)):
        for word in subject.info.conflicts:
            if word == other.name:
                return Reason.CONFLICT, f"{subject} cannot live with {other}"
            if word in {capability.name for capability in other.info.provides}:
                return Reason.CONFLICT, f"{subject} cannot live with {other}, which provides {word}"
    shared = sorted(set(one.info.actions) & set(two.info.actions))
    if shared:
        return Reason.OWNER, f"both {one} and {two} want to carry out {', '.join(map(repr, shared))}"
    return None
