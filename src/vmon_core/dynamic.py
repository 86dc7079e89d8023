"""Plugins that come as code strings at run time: the records, and what whoever runs them must offer.

The core never runs such code: the plugin that implements `vmon_code_plugins` does, in a sandbox.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

from vmon_core.errors import VmonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.records import Checkpoint


OPERATOR = "operator"
"""The owner who may propose any action and change anybody's plugin: whoever runs vmon."""


class CodeKind(StrEnum):
    """What a piece of code is asked for."""

    COLLECTOR = "collector"
    ANALYZER = "analyzer"
    GUARDRAIL = "guardrail"
    LIFECYCLE = "lifecycle"
    INTERVENTION = "intervention"
    EXPORTER = "exporter"


@attrs.frozen(kw_only=True)
class CodePlugin:
    """A plugin as a code string; a plain record, so that it can be kept, compared and sent.

    Attributes:
        name: unique among code plugins; lower case letters, digits, hyphens and underscores.
        kind: what the code is asked for.
        code: the body of a function; it answers with `return`.
        description: one line.
        actions: the kinds of action that a guardrail or an intervention may propose; the gate rules on each.
        functions: the granted functions that it may call, None for all that the operator grants.
        interval: seconds between two runs of a collector.
        hold_for: seconds that a guardrail's condition must hold before it counts.
        cooldown: seconds after a proposal during which it proposes nothing again.
        owner: who made it.
        version: counts up with each replacement; given when it is created.
        created: Unix seconds; given when it is created.
    """

    name: str
    kind: CodeKind
    code: str
    description: str = ""
    actions: tuple[str, ...] = ()
    functions: tuple[str, ...] | None = None
    interval: float = 5.0
    hold_for: float = 0.0
    cooldown: float = 60.0
    owner: str = OPERATOR
    version: int = 0
    created: float = 0.0


@attrs.frozen(kw_only=True)
class Problem:
    """Something wrong with a piece of code, for a person or an agent to mend.

    Attributes:
        message: what is wrong.
        line: the line of the code, counted from 1, None when it is about the whole.
        help: what is available instead, "" when nothing is known.
        code: the kind of problem: `syntax`, `type`, `runtime`, `limit`, `result`, `grant`, `name` or `quota`.
    """

    message: str
    line: int | None = None
    help: str = ""
    code: str = "runtime"


@attrs.frozen(kw_only=True)
class Trial:
    """How one dry run went.

    Attributes:
        problems: what is wrong; empty when all is well.
        value: what the code returned, as plain data.
        printed: what it printed.
        seconds: how long it ran.
    """

    problems: tuple[Problem, ...] = ()
    value: Any = None
    printed: str = ""
    seconds: float = 0.0


class CodeRejectedError(VmonError):
    """A code plugin is refused; the old version, if there is one, goes on.

    Args:
        name: the plugin's name.
        problems: what is wrong with it.
    """

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        lines = [f"line {p.line}: {p.message}" if p.line is not None else p.message for p in problems]
        super().__init__(f"plugin {name!r} is refused: {'; '.join(lines)}")
        self.name = name
        self.problems = problems

    @property
    def data(self) -> dict[str, Any]:
        """The problems as plain data, for who asks through a running monitor's socket."""
        return {"problems": [attrs.asdict(problem) for problem in self.problems]}


@attrs.frozen(kw_only=True)
class GrantedFunction:
    """A host function that code may call; it reads and changes nothing.

    Attributes:
        name: how code calls it.
        signature: with types, such as `collect_gpu_metrics() -> dict[str, float]`.
        summary: what it returns.
        example: one line of code that uses it.
    """

    name: str
    signature: str
    summary: str
    example: str = ""


KEPT_VERSIONS = 100
"""The newest versions of a record that are kept: whoever replaces one in a loop must not fill the disk."""

KEPT_REMOVED = 1000
"""The records that were removed last and whose versions are kept, for the same reason."""


class Documents(Protocol):
    """Keeps small plain records by name with their latest versions, in the journal."""

    def put(self, name: str, body: Mapping[str, Any]) -> int:
        """Keep a new version of a record and return its number, from 1."""

    def remove(self, name: str) -> None:
        """Take a record out of use; its versions stay."""

    def current(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest version of each record that is in use, by name."""

    def versions(self, name: str) -> Mapping[int, Mapping[str, Any]]:
        """The kept versions of a record by their numbers, oldest first."""


@runtime_checkable
class CodePlugins(Protocol):
    """Runs code plugins in a sandbox."""

    def attempt(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> Trial:
        """Check a plugin and run it once, on `checkpoint` or the latest one; nothing is kept."""

    def create(self, plugin: CodePlugin, checkpoint: Checkpoint | None = None) -> CodePlugin:
        """Check a plugin, run it once, and put it in the place of its older version.

        Returns:
            The plugin with its version.

        Raises:
            CodeRejectedError: something is wrong with it; an older version goes on.
        """

    def remove(self, name: str, owner: str = OPERATOR) -> None:
        """Take a plugin out of use in the name of `owner`; its versions are kept.

        Raises:
            VmonError: there is none of this name.
            CodeRejectedError: it is somebody else's.
        """

    def back_out(self, name: str, version: int | None = None, owner: str = OPERATOR) -> CodePlugin:
        """Go back to an earlier version, the one before when none is named; it becomes the newest one.

        Raises:
            VmonError: there is no such version.
            CodeRejectedError: the plugin or the version is somebody else's, or it is refused like a new one.
        """

    def describe(self) -> tuple[Mapping[str, Any], ...]:
        """Each plugin in use as plain data: its record, how it fares, and what it cost."""

    def functions(self) -> tuple[GrantedFunction, ...]:
        """The functions that code may call."""
