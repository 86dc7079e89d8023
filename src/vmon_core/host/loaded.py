"""A plugin in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.dispatch import Implementation
from vmon_core.host.resolution.records import Candidate, Member
from vmon_core.plugin import PluginInfo

if TYPE_CHECKING:
    from vmon_core.host.health import Health


@attrs.define(eq=False)
class LoadedPlugin:
    """A plugin in use.

    Attributes:
        candidate: where it comes from.
        info: what it says about itself.
        plugin: the module or object.
        config: its configuration object, None when it takes none.
        implementations: its hook implementations, with how each fares.
    """

    candidate: Candidate
    info: PluginInfo
    plugin: object
    config: Any = None
    implementations: list[Implementation] = attrs.field(factory=list)

    @property
    def origin(self) -> str:
        """The distribution with its version or the file that it came from, or "this process"."""
        return self.candidate.source

    @property
    def member(self) -> Member:
        """What the resolution knows of it."""
        return Member(candidate=self.candidate, info=self.info)

    @property
    def restarts(self) -> int | None:
        """How often its process was started again, None for one without a process of its own."""
        return self.plugin.restarts if isinstance(self.plugin, ChildPlugin) else None

    def of(self, hook: str) -> list[Implementation]:
        """Its implementations of a hook: one, or none."""
        return [i for i in self.implementations if i.hook == hook]

    def settle(self, start: Health) -> None:
        """Call the plugin's hooks only when it could be started; one that is still starting may just be slow."""
        for implementation in self.implementations:
            if start.stuck or implementation.hook in {"vmon_start", "vmon_stop"}:
                continue
            if start.in_a_row:
                implementation.health.shut_out(f"not started: {start.last_error}")
            else:
                implementation.health.readmit()

    def describe(self) -> dict[str, Any]:
        """The plugin as plain data."""
        return {
            "name": self.info.name,
            "version": self.info.version,
            "summary": self.info.summary,
            "origin": self.origin,
            "hooks": sorted(i.hook for i in self.implementations),
            "actions": {kind: risk.value for kind, risk in self.info.actions.items()},
            "failures": sum(i.health.failures for i in self.implementations),
            "quarantined": any(i.health.quarantined for i in self.implementations),
            "stuck": any(i.health.stuck for i in self.implementations),
            **(self.plugin.describe() if isinstance(self.plugin, ChildPlugin) else {"isolation": "thread"}),
        }
