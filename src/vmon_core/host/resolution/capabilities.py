"""Whether plugins have the capabilities that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.host.resolution.records import Reason
from vmon_core.host.resolution.scene import provides, requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.requirements import Requirement

    from vmon_core.host.resolution.records import Member, Rejection
    from vmon_core.host.resolution.scene import Scene


def lacking(scene: Scene) -> Iterator[Rejection]:
    """Object to plugins that need a capability which no other one provides."""
    for member in scene.members:
        for requirement in requirements(member, scene.machine):
            if not any(provides(other, requirement) for other in scene.present):
                yield _lacks(member, requirement, scene)
                break


def _lacks(member: Member, requirement: Requirement, scene: Scene) -> Rejection:
    text = f"{member} needs {requirement.name}{requirement.specifier}"
    lost = [other for other in scene.everyone if provides(other, requirement) and other.name in scene.rejected]
    if lost:
        causes = [scene.rejected[other.name] for other in lost]
        chain = (f"{causes[0].name}: {causes[0].reason}", *causes[0].chain)
        who = _names(lost)
        reason = f"{text}, which {who} would provide, but {'each' if len(lost) > 1 else 'it'} is rejected itself"
        return member.candidate.rejected(Reason.CAPABILITY, reason, causes[0].help, chain)
    others = [
        f"{other} provides {capability.version}"
        for other in (*scene.settled, *scene.everyone)
        for capability in other.info.provides
        if capability.name == requirement.name
    ]
    if others:
        help_ = f"install a version of one of them that provides {requirement.name}{requirement.specifier}"
        return member.candidate.rejected(Reason.CAPABILITY, f"{text}; found: {', '.join(others)}", help_)
    help_ = f"install a plugin that provides {requirement.name}"
    if scene.unknown:
        help_ += f"; it may be one of those that were rejected before they could say so: {', '.join(scene.unknown)}"
    return member.candidate.rejected(Reason.CAPABILITY, f"{text}, which no plugin provides", help_)


def _names(members: Iterable[Member]) -> str:
    return " and ".join(map(str, members))
