"""The resolution: who stays, in which order, and why the others go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.host.resolution.capabilities import lacking
from vmon_core.host.resolution.conflicts import contested
from vmon_core.host.resolution.fitness import unfit
from vmon_core.host.resolution.order import circular, ordered
from vmon_core.host.resolution.records import Reason, Resolution
from vmon_core.host.resolution.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from vmon_core.host.resolution.records import Machine, Member, Rejection


def resolve(
    members: Iterable[Member],
    machine: Machine,
    *,
    settled: Iterable[Member] = (),
    preferred: Collection[str] = (),
    dropped: Iterable[Rejection] = (),
) -> Resolution:
    """Choose the plugins that can be used together.

    Each stage looks at those that are left, whatever their order, and the first stage that objects to some of them
    sends the rest back to the beginning. So a rejection takes with it all that depends on it, and nobody is rejected
    because of one that goes anyway.

    Args:
        members: the plugins to choose from, in any order; no two have one name.
        machine: what they are judged against.
        settled: plugins in use, which stay.
        preferred: names of those that stay in a conflict.
        dropped: rejections from before, to explain what is missing.

    Returns:
        The plugins that stay, each behind all that it needs, and the rejections of the others.
    """
    scene = Scene(
        members=tuple(sorted(members, key=lambda m: m.name)),
        settled=tuple(sorted(settled, key=lambda m: m.name)),
        rejected={},
        dropped=tuple(dropped),
        preferred=preferred,
        machine=machine,
    )
    while objections := _objections(scene):
        gone = {rejection.name: rejection for rejection in objections}
        left = tuple(member for member in scene.members if member.name not in gone)
        scene = attrs.evolve(scene, members=left, rejected={**scene.rejected, **gone})
    order, _ = ordered(scene)
    return Resolution(order=order, rejected=tuple(scene.rejected[name] for name in sorted(scene.rejected)))


def _objections(scene: Scene) -> list[Rejection]:
    """What the first stage that objects to anybody says."""
    stages = (_unusable, lacking, circular, contested)
    return next((found for found in (list(stage(scene)) for stage in stages) if found), [])


def _unusable(scene: Scene) -> Iterator[Rejection]:
    """Object to those that cannot work here, or whose name is taken by a plugin in use."""
    names = {member.name: member for member in scene.settled}
    for member in scene.members:
        rejection = unfit(member, scene.machine)
        if member.name in names:
            reason = f"a plugin {member.name!r} is loaded already, from {names[member.name].candidate.source}"
            rejection = member.rejected(Reason.DUPLICATE, reason, "give one of them another name")
        if rejection is not None:
            yield rejection
