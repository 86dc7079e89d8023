"""What a plugin author imports.

>>> from vmon_core.plugin import PluginInfo, every, hookimpl
>>> class Thermometer:
...     @hookimpl
...     def vmon_plugin_info(self):
...         return PluginInfo(name="thermometer", version="1.0", summary="room temperature")
...
...     @hookimpl
...     @every("30s", timeout="2s")
...     def vmon_collect(self, tick):
...         return [Sample("room.temperature", 21.5, tick.time, unit="celsius")]
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import attrs
import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_core.evidence import CleanupVerified, Evidence, ProcessExited
    from vmon_core.records import Sample, Severity, Target

PROJECT = "vmon"
"""The pluggy project name; hooks carry it as their prefix."""

ENTRY_POINT_GROUP = "vmon.plugins"
"""The entry point group under which distributions announce plugins."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

_F = TypeVar("_F", bound="Callable[..., Any]")
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


HOOK_API = 1
"""The level of the hook specifications; it grows when a change would break plugins that were written before."""


class Risk(StrEnum):
    """What an intervention may cost the deployment."""

    NONE = "none"
    DEGRADES = "degrades"
    INTERRUPTS = "interrupts"
    DESTROYS = "destroys"


@attrs.frozen
class Capability:
    """Something that a plugin provides to others, with its own version.

    Attributes:
        name: dotted, such as `gpu.telemetry`.
        version: a PEP 440 version of the contract.
    """

    name: str
    version: str = "1.0"


class Isolation(StrEnum):
    """Where a plugin's code runs."""

    THREAD = "thread"
    PROCESS = "process"


@attrs.frozen(kw_only=True)
class PluginInfo:
    """What a plugin says about itself.

    Attributes:
        name: unique among the loaded plugins; lower case, digits and hyphens.
        version: PEP 440.
        summary: one line.
        provides: capabilities that it offers.
        requires: capabilities that it needs, as PEP 508 requirements over capability names, such as `gpu.telemetry>=1`.
        conflicts: capabilities or plugin names that it cannot live with.
        actions: the action kinds that it alone carries out, with their risk.
        config: an attrs class for its `[plugins.NAME]` table, None when it takes none.
        api: the level of the hooks that it was written for; see `HOOK_API`.
        environment: where it works, as a PEP 508 marker such as `sys_platform == "linux"`; "" for everywhere.
        needs: facts about the machine that it needs, as PEP 508 requirements over fact names, such as `gpu.count>=1`;
            what is known is told by `vmon_facts`.
        isolation: `PROCESS` for code that can hang or crash the interpreter, such as native libraries: it runs in a
            child process then, which can be killed.
        memory_limit: bytes of address space that such a child process may have.
        libraries: shared libraries that the plugin is useless without, such as `libnvidia-ml.so.1`: where one is
            absent, there is no such process, and none of its hooks does anything.
    """

    name: str
    version: str
    summary: str = ""
    provides: tuple[Capability, ...] = ()
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    actions: dict[str, Risk] = attrs.field(factory=dict)
    config: type | None = None
    api: int = HOOK_API
    environment: str = ""
    needs: tuple[str, ...] = ()
    isolation: Isolation = Isolation.THREAD
    memory_limit: int = 1 << 30
    libraries: tuple[str, ...] = ()


@attrs.frozen
class Schedule:
    """When an implementation runs and how long it may take, both in seconds."""

    interval: float
    timeout: float


def seconds(text: str | float) -> float:
    """Read a duration.

    Args:
        text: a number of seconds, or a number with one of the units ms, s, m, h, d.

    Returns:
        The duration in seconds.

    Raises:
        ValueError: it is not a positive duration.

    >>> seconds("250ms"), seconds("5m"), seconds(2)
    (0.25, 300.0, 2.0)
    """
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    value = float(match["number"]) * _SECONDS[match["unit"]] if match else _plain_number(text)
    if not 0 < value < float("inf"):
        msg = f"{text!r} is not a positive duration"
        raise ValueError(msg)
    return value


def _plain_number(text: str | float) -> float:
    try:
        return float(text)
    except ValueError:
        msg = f"{text!r} is not a duration: write a number with a unit, such as '5s', '250ms' or '2m'"
        raise ValueError(msg) from None


def every(interval: str | float, *, timeout: str | float = "2s") -> Callable[[_F], _F]:
    """Set how often a `vmon_collect` implementation runs and how long it may take.

    Args:
        interval: the pause between two starts, such as "5s".
        timeout: the deadline of one call.

    Returns:
        A decorator that leaves the function as it is and notes the schedule on it.
    """
    schedule = Schedule(seconds(interval), seconds(timeout))

    def mark(function: _F) -> _F:
        function.vmon_schedule = schedule  # type: ignore[attr-defined]  # read back by the host, as pluggy's own markers are
        return function

    return mark


class Host(Protocol):
    """What `vmon_start` hands to a plugin: the few things it may ask of vmon."""

    @property
    def data_dir(self) -> Path:
        """A folder for the plugin's own files; it exists."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets that are watched now."""

    def config(self, name: str) -> Any:  # noqa: ANN401 (each plugin has its own class)
        """Return the configuration object of plugin `name`, built from its `[plugins.NAME]` table."""

    def emit(self, evidence: Iterable[Evidence] = (), samples: Iterable[Sample] = ()) -> None:
        """Push what was observed between two ticks; it may be called from any thread and never blocks."""

    def say(self, level: Severity, text: str, **context: Any) -> None:  # noqa: ANN401 (plain values, any of them)
        """Send a feedback message in the plugin's name."""


@attrs.frozen(kw_only=True)
class LaunchRequest:
    """What `vmon run` wants to have started.

    Attributes:
        command: the command line, such as `("vllm", "serve", "MODEL")`.
        environment: the complete environment of the new process.
        directory: where vmon keeps the log file of this launch; it exists.
        name: the target's name, "" to derive one from the command.
        network: whether checks of this launch may ask the network.
        manifest: a Kubernetes manifest that it is to be deployed by, None when there is none.
        patience: seconds that checks of this launch may take at most.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    directory: Path
    name: str = ""
    network: bool = False
    manifest: Path | None = None
    patience: float = 5.0


@runtime_checkable
class Server(Protocol):
    """A server process that vmon launched or adopted, with proof that it is the right one (pid and start time)."""

    @property
    def target(self) -> Target:
        """Who it is."""

    def alive(self) -> bool:
        """Whether the very process that was launched still runs; a zombie does not."""

    def send(self, signal: int) -> bool:
        """Send `signal` to the main process; False when it is no longer there."""

    def kill(self) -> int:
        """SIGKILL every process of the server's session that is provably its own; returns how many were hit."""

    def wait(self, timeout: float) -> ProcessExited | None:
        """Wait up to `timeout` seconds for the end of the main process; None while it runs."""

    def clean_up(self, *, remove: bool = False) -> CleanupVerified:
        """Look for what was left behind (with `remove`, take away what is provably the server's own)."""
