"""Whether plugins have the capabilities that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.host.resolution.records import Reason
from vmon_core.host.resolution.scene import meets, requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.requirements import Requirement

    from vmon_core.host.resolution.records import Member, Rejection
    from vmon_core.host.resolution.scene import Scene


def lacking(scene: Scene) -> Iterator[Rejection]:
    """Object to plugins that need a capability which no other one provides."""
    for member in scene.members:
        for requirement in requirements(member, scene.machine):
            if not any(meets(other.info.provides, requirement) for other in scene.present):
                yield _objection(member, requirement, scene)
                break


def _objection(member: Member, requirement: Requirement, scene: Scene) -> Rejection:
    gone = sorted([*scene.rejected.values(), *scene.dropped], key=lambda r: r.name)
    lost = [rejection for rejection in gone if meets(rejection.provides or (), requirement)]
    if lost:
        return _taken_along(member, requirement, lost)
    text = f"{member} needs {requirement.name}{requirement.specifier}"
    others = [f"{who} provides {version}" for who, version in _others(requirement.name, scene.present, gone)]
    if others:
        help_ = f"install a version of one of them that provides {requirement.name}{requirement.specifier}"
        return member.rejected(Reason.CAPABILITY, f"{text}; found: {', '.join(others)}", help_)
    help_ = f"install a plugin that provides {requirement.name}"
    silent = [rejection.name for rejection in gone if rejection.provides is None]
    if silent:
        help_ += f"; it may be one of those that were rejected before they could say so: {', '.join(silent)}"
    return member.rejected(Reason.CAPABILITY, f"{text}, which no plugin provides", help_)


def _taken_along(member: Member, requirement: Requirement, lost: list[Rejection]) -> Rejection:
    """Object to a plugin because those that it needs are rejected; the first of them stands for all in the chain."""
    who = " and ".join(f"{rejection.name} ({rejection.source})" for rejection in lost)
    rejected = "is rejected" if len(lost) == 1 else "are rejected"
    reason = f"{member} needs {requirement.name}{requirement.specifier}; {who} would provide it, but {rejected}"
    chain = (f"{lost[0].name}: {lost[0].reason}", *lost[0].chain)
    return member.rejected(Reason.CAPABILITY, reason, lost[0].help, chain)


def _others(name: str, present: Iterable[Member], gone: Iterable[Rejection]) -> Iterator[tuple[str, str]]:
    """Who provides a capability, in versions that do not fit."""
    known = [(str(member), member.info.provides) for member in present]
    known += [(f"{rejection.name} ({rejection.source})", rejection.provides or ()) for rejection in gone]
    for who, capabilities in known:
        yield from ((who, capability.version) for capability in capabilities if capability.name == name)
