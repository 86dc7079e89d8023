"""What vmon and a child process tell each other besides calls: who it is to be, who it is, and what it may ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from vmon_core.host.resolution.records import Candidate
from vmon_core.plugin import PluginInfo, Schedule
from vmon_core.records import Target

HELLO = "hello"
"""The first request: its argument is an `Order`, its answer a `Greeting`."""

WHERE = "where"
"""A request that the main thread answers: in which function the call of a hook is just now."""

MEMORY_LIMIT = 1 << 30
"""Bytes of address space for a plugin that nobody has asked yet."""

EXIT_MEMORY = 77
"""The exit status of a child that got no more memory; distinct from what Python and shells use (1, 2, 120 and up)."""


@attrs.frozen(kw_only=True)
class Order:
    """Which plugin a child process is to run.

    Attributes:
        candidate: where it is, and what it is called here.
        table: its table of the configuration, as it was written: secrets are resolved in the child.
        memory_limit: bytes of address space while it is imported; after that its own limit counts.
    """

    candidate: Candidate
    table: Mapping[str, Any] = attrs.field(factory=dict)
    memory_limit: int = MEMORY_LIMIT

    @property
    def name(self) -> str:
        """What the plugin is called here."""
        return self.candidate.name


@attrs.frozen
class Hook:
    """A hook that the plugin implements, with the arguments that it wants and, for a collector, its schedule."""

    name: str
    arguments: tuple[str, ...]
    schedule: Schedule | None = None


@attrs.frozen
class Greeting:
    """Who the plugin is, and its hooks."""

    info: PluginInfo
    hooks: tuple[Hook, ...]


@attrs.frozen(kw_only=True)
class HostFacts:
    """What a plugin may know of vmon without asking."""

    data_dir: str
    targets: tuple[Target, ...]
