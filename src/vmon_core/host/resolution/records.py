"""The records that go into a resolution and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs

from vmon_core.plugin import Capability, PluginInfo


class Reason(StrEnum):
    """Why a plugin is not loaded; the code that scripts can rely on."""

    DISABLED = "disabled"
    BLOCKED = "blocked"
    PINNED = "pinned"
    METADATA = "metadata"
    PYTHON = "python"
    REQUIREMENT = "requirement"
    DUPLICATE = "duplicate"
    IMPORT = "import"
    CONTRACT = "contract"
    CONFIGURATION = "configuration"
    API = "api"
    ENVIRONMENT = "environment"
    FACT = "fact"
    CAPABILITY = "capability"
    CIRCULAR = "circular"
    CONFLICT = "conflict"
    OWNER = "owner"


@attrs.frozen(kw_only=True)
class Rejection:
    """A plugin that is not loaded, and why.

    Attributes:
        name: the plugin's name.
        code: the kind of reason.
        reason: the reason as a sentence.
        help: what would help, "" when nothing is known.
        chain: when other plugins' rejections are the cause, theirs, the nearest first, each as `name: reason`.
        source: where it comes from, for people.
        distribution, version: who announced it, "" for plugins of files and of this process.
        provides: what it would provide, None when it was rejected before it could say so.
    """

    name: str
    code: Reason
    reason: str
    help: str = ""
    chain: tuple[str, ...] = ()
    source: str = ""
    distribution: str = ""
    version: str = ""
    provides: tuple[Capability, ...] | None = None

    def describe(self) -> dict[str, Any]:
        """The rejection as plain data."""
        return attrs.asdict(self)


@attrs.frozen(kw_only=True)
class Candidate:
    """A plugin that might be loaded, as far as it is known without importing it.

    Attributes:
        name: what it is announced as.
        value: what is imported, as in `package.module:object`.
        distribution, version: the distribution that announces it, "" for plugins of files and of this process.
        path: the file of a single-file plugin.
        requires: what that distribution requires, as PEP 508 requirements.
        python: the versions of Python that it works with, as a PEP 440 specifier.
        flaw: what is wrong with its metadata, "" when nothing is.
    """

    name: str
    value: str = ""
    distribution: str = ""
    version: str = ""
    path: Path | None = None
    requires: tuple[str, ...] = ()
    python: str = ""
    flaw: str = ""

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        if self.distribution:
            return f"{self.distribution} {self.version}"
        return str(self.path) if self.path else "this process"

    def rejected(self, code: Reason, reason: str, help_: str = "", chain: tuple[str, ...] = ()) -> Rejection:
        """Make the rejection of it."""
        return Rejection(
            name=self.name,
            code=code,
            reason=reason,
            help=help_,
            chain=chain,
            source=self.source,
            distribution=self.distribution,
            version=self.version,
        )


@attrs.frozen(kw_only=True)
class Member:
    """A candidate that was imported and said who it is."""

    candidate: Candidate
    info: PluginInfo

    @property
    def name(self) -> str:
        """The name that it has among the others."""
        return self.info.name

    def __str__(self) -> str:
        return f"{self.name} ({self.candidate.source})"

    def rejected(self, code: Reason, reason: str, help_: str = "", chain: tuple[str, ...] = ()) -> Rejection:
        """Make the rejection of it."""
        return attrs.evolve(self.candidate.rejected(code, reason, help_, chain), provides=self.info.provides)


@attrs.frozen
class Fact:
    """One thing that is known of the machine.

    Attributes:
        value: written as a version, so that it can be compared with one.
        source: who says so: `vmon` or a plugin's name.
    """

    value: str
    source: str


@attrs.frozen(kw_only=True)
class Machine:
    """What plugins are judged against.

    Attributes:
        api: the level of the hooks; see `vmon_core.plugin.HOOK_API`.
        environment: the values of PEP 508 markers.
        facts: what is known of the machine, by name.
    """

    api: int
    environment: Mapping[str, str]
    facts: Mapping[str, Fact] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Resolution:
    """Which plugins are used.

    Attributes:
        order: those, each behind all that it needs.
        rejected: the others, by name.
    """

    order: tuple[Member, ...]
    rejected: tuple[Rejection, ...]


@attrs.frozen(kw_only=True)
class Report:
    """What loading came to.

    Attributes:
        found: everything that distributions and folders announce, by name.
        loaded: the names of the plugins in use, in the order in which they were loaded.
        rejected: the others, with the reason.
    """

    found: tuple[Candidate, ...] = ()
    loaded: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()
