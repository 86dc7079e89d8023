"""Whether a plugin can work on this machine at all, whatever else is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.markers import Marker

from vmon_core.host.resolution.records import Reason
from vmon_core.host.resolution.requirements import required

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from vmon_core.host.resolution.records import Machine, Member, Rejection

TELLERS = {
    "cpu": "vmon reads it from the operating system",
    "memory": "vmon reads it from /proc/meminfo",
    "numa": "vmon reads it from /sys/devices/system/node",
    "gpu": "vmon reads gpu.count where /proc/driver/nvidia is there; the rest is told by a plugin for these GPUs",
    "nvidia": "vmon reads it from /proc/driver/nvidia, which is there when NVIDIA's driver is loaded",
    "cuda": "a plugin for NVIDIA GPUs tells it",
}
"""Who would tell a fact, by the first word of its name."""


def unfit(member: Member, machine: Machine) -> Rejection | None:
    """Object to a plugin that cannot work here.

    Args:
        member: the plugin.
        machine: what it is judged against.

    Returns:
        The first reason: the level of the hooks, the platform, the facts that it needs; None when it can work.
    """
    return _api(member, machine) or _environment(member, machine) or _facts(member, machine)


def _api(member: Member, machine: Machine) -> Rejection | None:
    wanted = member.info.api
    if wanted == machine.api:
        return None
    old = "vmon-core" if wanted > machine.api else member.candidate.distribution or "the plugin"
    reason = f"{member} was written for hooks of level {wanted}, and this vmon has level {machine.api}"
    return member.rejected(Reason.API, reason, f"install a newer version of {old}")


def _environment(member: Member, machine: Machine) -> Rejection | None:
    text = member.info.environment
    if not text or Marker(text).evaluate({**machine.environment, "extra": ""}):
        return None
    named = sorted(name for name in machine.environment if name in text)
    here = ", ".join(f"{name} is {machine.environment[name]!r}" for name in named)
    return member.rejected(Reason.ENVIRONMENT, f"{member} works only where {text}; here {here}")


def _facts(member: Member, machine: Machine) -> Rejection | None:
    for need in required(member.info.needs, machine.environment):
        fact = machine.facts.get(need.name)
        if fact is None:
            reason = f"{member} needs {need.name}{need.specifier}, and nobody can tell {need.name} here"
            return member.rejected(Reason.FACT, reason, _teller(need))
        if not need.specifier.contains(fact.value, prereleases=True):
            reason = f"{member} needs {need.name}{need.specifier}; found: {fact.value}, says {fact.source}"
            help_ = f"disable it on this machine: vmon plugins disable {member.name}"
            return member.rejected(Reason.FACT, reason, help_)
    return None


def _teller(need: Requirement) -> str:
    known = TELLERS.get(need.name.partition(".")[0])
    return known or f"a plugin that knows {need.name} tells it by the hook vmon_facts"
