"""The configuration's classes; the first line of each class and each setting's comment make up the default file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs

from vmon_core.config.options import Distributions, Duration, Pause, Size, Versions, says
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import Checkpoint, GateMode, GuardrailPolicy, Severity
from vmon_core.supervisor import StopPlan


@attrs.frozen(kw_only=True)
class MonitorConfig:
    """How vmon watches."""

    interval: Duration = attrs.field(
        default=Duration(1.0), metadata=says("The pause between two judgements when nothing happens.")
    )
    name: str = attrs.field(
        default="", metadata=says("What the watched deployment is called; empty: taken from its command line or URL.")
    )
    data_dir: Path | None = attrs.field(
        default=None,
        metadata=says(
            "Where vmon keeps its files; without it, the user's state folder.",
            example='"~/.local/state/vmon"',
        ),
    )


@attrs.frozen(kw_only=True)
class JournalConfig:
    """What is kept of the past."""

    path: Path | None = attrs.field(
        default=None,
        metadata=says(
            "The journal's file; without it, journal.db in data_dir.", example='"~/.local/state/vmon/journal.db"'
        ),
    )
    max_age: Duration = attrs.field(default=Duration(2592000.0), metadata=says("What is older is deleted."))
    max_size: Size = attrs.field(
        default=Size(200_000_000), metadata=says("When the file grows beyond this, the oldest recordings go first.")
    )


@attrs.frozen(kw_only=True)
class GateConfig:
    """How far interventions may go."""

    mode: GateMode = attrs.field(
        default=GateMode.OBSERVE,
        metadata=says(
            "off: never; observe: note what would be done; suggest: tell a person; approve: wait for a person's yes; "
            "auto: do it.",
        ),
    )
    kinds: Mapping[str, GateMode] = attrs.field(
        factory=dict,
        metadata=says("Modes of single kinds of action.", example='{ notify = "auto" }'),
    )
    kill_switch: Path | None = attrs.field(
        default=None, metadata=says("While this file exists, nothing is done.", example='"/run/vmon/off"')
    )


class PredictedFailure(StrEnum):
    """What `vmon run` does when a check says that the launch will fail."""

    WARN = "warn"
    REFUSE = "refuse"


@attrs.frozen(kw_only=True)
class CheckConfig:
    """How launches are checked before they are tried."""

    before_launch: bool = attrs.field(
        default=True, metadata=says("Whether `vmon run` checks before it starts a server; `--no-check` skips it once.")
    )
    on_failure: PredictedFailure = attrs.field(
        default=PredictedFailure.WARN,
        metadata=says("When a launch is predicted to fail: warn, and start it all the same; or refuse to start it."),
    )
    deadline: Duration = attrs.field(
        default=Duration(5.0),
        metadata=says(
            "What is not checked by then was not evaluated, and a start waits no longer. It takes a fraction of a "
            "second, but where a driver, a file system or the machine itself is slow.",
        ),
    )
    network: bool = attrs.field(
        default=False, metadata=says("Whether checks may ask the network, such as the Hugging Face hub for a model.")
    )


@attrs.frozen(kw_only=True)
class StopConfig(StopPlan):
    """How a server that vmon launched is stopped: SIGTERM, SIGTERM again, then SIGKILL of its session."""

    second_term_after: Duration = attrs.field(
        default=Duration(5.0), metadata=says("A first SIGTERM that is not obeyed is repeated after this time.")
    )
    kill_after: Duration = attrs.field(
        default=Duration(10.0), metadata=says("After this much more, what still runs is killed.")
    )
    leftovers_after: Duration = attrs.field(
        default=Duration(15.0), metadata=says("How long processes may outlive the main one.")
    )
    gpu_memory_after: Duration = attrs.field(
        default=Duration(10.0), metadata=says("How long their GPU memory may outlive the last of them.")
    )
    drain_at_most: Duration = attrs.field(
        default=Duration(600.0),
        metadata=says("A server that finishes its requests first gets the time it asks for, up to this much."),
    )


@attrs.frozen(kw_only=True)
class FeedbackConfig:
    """What vmon says about its own work."""

    level: Severity = attrs.field(
        default=Severity.INFO, metadata=says("The least that is said: debug, info, warning, error or critical.")
    )
    json_file: Path | None = attrs.field(
        default=None,
        metadata=says("A file that gets every message as a line of JSON.", example='"/var/log/vmon.jsonl"'),
    )


@attrs.frozen(kw_only=True)
class PluginsConfig:
    """Which plugins are loaded, and how.

    Attributes:
        tables: each plugin's own table, as it was written; secrets in it are not resolved yet.
    """

    disabled: tuple[str, ...] = attrs.field(
        default=(), metadata=says("Names of plugins that are not loaded; `vmon plugins disable NAME` adds one.")
    )
    required: tuple[str, ...] = attrs.field(
        default=(), metadata=says("Names of plugins without which vmon does not start: those that protect something.")
    )
    pins: Mapping[str, Versions] = attrs.field(
        factory=dict,
        metadata=says(
            "The versions of a plugin's distribution that are loaded; another one is rejected.",
            example='{ system = "<0.3" }',
        ),
    )
    blocked: Mapping[Distributions, str] = attrs.field(
        factory=dict,
        metadata=says(
            "Versions that are known to be bad, each with the reason that people are told. Unlike a pin it names the "
            "distribution, since one list can serve all machines, whatever is installed there.",
            example='{ "vmon-plugin-foo<1.2" = "hangs when a GPU is lost" }',
        ),
    )
    isolated: tuple[str, ...] = attrs.field(
        default=(),
        metadata=says("Names of plugins that run in a child process, whatever they declare themselves."),
    )
    folders: tuple[Path, ...] = attrs.field(
        default=(),
        metadata=says(
            "Folders of single-file plugins and editable packages; they are loaded from there, and again whenever they "
            "change. There is none by default: no file becomes code that the configuration does not speak of.",
        ),
    )
    safe_mode: bool = attrs.field(
        default=False,
        metadata=says("Load none of all these, only what is built in; `vmon --safe-mode` does it once."),
    )
    tables: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)


PLUGIN_SETTINGS = frozenset(f.name for f in attrs.fields(PluginsConfig)) - {"tables"}
"""The keys of `[plugins]` that are no plugin's table."""


@attrs.frozen(kw_only=True)
class GuardrailConfig:
    """One guardrail: when a finding is open, or a state lasts, propose an intervention."""

    name: str = attrs.field(metadata=says("Unique among guardrails.", example='"tell-me-of-hangs"'))
    finding: str = attrs.field(
        default="", metadata=says("Holds while this finding is open.", example='"engine.unresponsive"')
    )
    state: tuple[LifecycleState, ...] = attrs.field(
        default=(),
        metadata=says("Holds while the deployment is in one of these states.", example='["HUNG", "CRASHED"]'),
    )
    intervention: str = attrs.field(default="notify", metadata=says("The kind of action to propose."))
    severity: Severity = attrs.field(default=Severity.WARNING, metadata=says("How much a violation matters."))
    mode: GateMode | None = attrs.field(default=None, metadata=says("Overrides the gate's mode.", example='"suggest"'))
    hold_for: Pause = attrs.field(default=Pause(0.0), metadata=says("How long it must hold before it counts."))
    cooldown: Pause = attrs.field(
        default=Pause(60.0), metadata=says("After a proposal, nothing is proposed for this long.")
    )
    description: str = attrs.field(default="", metadata=says("What it protects."))
    parameters: Mapping[str, Any] = attrs.field(
        factory=dict, metadata=says("Handed to the intervention.", example='{ text = "look at it" }')
    )

    def __attrs_post_init__(self) -> None:
        if not self.finding and not self.state:
            msg = f"guardrail {self.name!r} needs a `finding` or a `state` to watch for"
            raise ValueError(msg)

    def policy(self) -> GuardrailPolicy:
        """The policy that the pipeline checks; with both a finding and states, both must hold."""
        return GuardrailPolicy(
            name=self.name,
            condition=self._holds,
            intervention=self.intervention,
            description=self.description,
            severity=self.severity,
            hold_for=self.hold_for,
            cooldown=self.cooldown,
            mode=self.mode,
            parameters=self.parameters,
        )

    def _holds(self, checkpoint: Checkpoint) -> bool:
        found = not self.finding or self.finding in checkpoint.findings
        return found and (not self.state or checkpoint.state in self.state)


@attrs.frozen(kw_only=True, slots=False)
class Config:
    """The whole configuration.

    Attributes:
        monitor, journal, gate, check, stop, feedback, plugins: the tables of these names.
        guardrails: the guardrails, in the order of the file.
        source: the file that it was read from, None for the defaults.
    """

    monitor: MonitorConfig = attrs.field(factory=MonitorConfig)
    journal: JournalConfig = attrs.field(factory=JournalConfig)
    gate: GateConfig = attrs.field(factory=GateConfig)
    check: CheckConfig = attrs.field(factory=CheckConfig)
    stop: StopConfig = attrs.field(factory=StopConfig)
    feedback: FeedbackConfig = attrs.field(factory=FeedbackConfig)
    plugins: PluginsConfig = attrs.field(factory=PluginsConfig)
    guardrails: tuple[GuardrailConfig, ...] = ()
    source: Path | None = attrs.field(default=None, eq=False)

    @property
    def data_dir(self) -> Path:
        """Where vmon keeps its files."""
        return self.monitor.data_dir or _state_dir()

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.journal.path or self.data_dir / "journal.db"

    @cached_property
    def policies(self) -> tuple[GuardrailPolicy, ...]:
        """The guardrails as the pipeline takes them."""
        return tuple(guardrail.policy() for guardrail in self.guardrails)


def _state_dir() -> Path:
    import platformdirs  # noqa: PLC0415 (a configured folder needs no look-up)

    return platformdirs.user_state_path("vmon", appauthor=False)
