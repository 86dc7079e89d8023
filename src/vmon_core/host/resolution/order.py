"""The order of the plugins, and circles in what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.host.resolution.records import Reason
from vmon_core.host.resolution.scene import meets, requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmon_core.host.resolution.records import Member, Rejection
    from vmon_core.host.resolution.scene import Scene


def ordered(scene: Scene) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    """Put plugins behind all that they need, and otherwise in the order of their names.

    A plugin waits for every provider of what it needs. Where that is impossible since two wait for each other, one
    provider of each capability must do.

    Args:
        scene: nothing in it may lack a capability.

    Returns:
        The order, and the plugins that have no place in it because they need each other.
    """
    waiting = {member.name: _providers(member, scene) for member in scene.members}
    done: dict[str, Member] = {}
    settled = {member.name for member in scene.settled}
    by_name = {member.name: member for member in scene.members}
    while waiting:
        ready = settled | done.keys()
        best = next((n for n, groups in waiting.items() if all(group <= ready for group in groups)), None)
        good = best or next((n for n, groups in waiting.items() if all(group & ready for group in groups)), None)
        if good is None:
            break
        done[good] = by_name[good]
        del waiting[good]
    return tuple(done.values()), tuple(by_name[name] for name in waiting)


def _providers(member: Member, scene: Scene) -> list[set[str]]:
    """For each requirement, who provides it."""
    return [
        {other.name for other in scene.present if meets(other.info.provides, requirement)}
        for requirement in requirements(member, scene.machine)
    ]


def circular(scene: Scene) -> Iterator[Rejection]:
    """Object to plugins that need each other; those that need one of them are left to `lacking`."""
    placed, stuck = ordered(scene)
    if not stuck:
        return
    names = {member.name for member in stuck}
    known = {member.name for member in (*scene.settled, *placed)}
    needs = {
        member.name: next(sorted(group & names) for group in _providers(member, scene) if not group & known)
        for member in stuck
    }
    path = _circle({name: first[0] for name, first in needs.items()})
    text = " -> ".join([*path, path[0]])
    for member in stuck:
        if member.name in path:
            yield member.rejected(
                Reason.CIRCULAR, f"these need each other: {text}", "one of them must do without another: ask its author"
            )


def _circle(needs: Mapping[str, str]) -> Sequence[str]:
    """Follow the needs from the first name until one comes again; begin with the smallest of the circle."""
    path: list[str] = []
    name = min(needs)
    while name not in path:
        path.append(name)
        name = needs[name]
    circle = path[path.index(name) :]
    first = circle.index(min(circle))
    return [*circle[first:], *circle[:first]]
