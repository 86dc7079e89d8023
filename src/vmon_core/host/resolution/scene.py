"""Where a resolution stands, and what plugins need of each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import attrs

from vmon_core.host.resolution.records import Machine, Member, Rejection
from vmon_core.host.resolution.requirements import required

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement

    from vmon_core.plugin import Capability


@attrs.frozen(kw_only=True)
class Scene:
    """Where a resolution stands.

    Attributes:
        members: the plugins that nothing speaks against so far, by name.
        settled: plugins in use, which cannot be rejected any more.
        rejected: the rejections so far, by the plugin's name.
        dropped: those from before, by name, to explain what is missing.
        preferred: names of plugins that the user wants more than others.
        machine: what it is judged against.
    """

    members: tuple[Member, ...]
    settled: tuple[Member, ...]
    rejected: Mapping[str, Rejection]
    dropped: tuple[Rejection, ...]
    preferred: Collection[str]
    machine: Machine

    @property
    def present(self) -> tuple[Member, ...]:
        """Every plugin that may be counted on."""
        return (*self.settled, *self.members)


def requirements(member: Member, machine: Machine) -> list[Requirement]:
    """The capabilities that a plugin needs of others; what it provides itself, it has."""
    wanted = required(member.info.requires, machine.environment)
    return [requirement for requirement in wanted if not meets(member.info.provides, requirement)]


def meets(capabilities: Iterable[Capability], requirement: Requirement) -> bool:
    """Whether what is required is among some capabilities, in a version that fits."""
    return any(
        capability.name == requirement.name and requirement.specifier.contains(capability.version, prereleases=True)
        for capability in capabilities
    )
