"""The frozen records that travel through the pipeline, in the order in which they appear on the way.

Data only moves to the right: samples and evidence, then state and checkpoint, then findings, actions, verdicts and
outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
from typing import Any

import attrs

from vmon_core.evidence import Evidence
from vmon_core.lifecycle.states import LifecycleState, StateTransition

Labels = tuple[tuple[str, str], ...]
"""Label pairs, sorted by name; hashable, so that they can key a series."""


class Severity(IntEnum):
    """How much a finding or a message matters; ordered, so that they compare.

    >>> Severity.WARNING < Severity.CRITICAL
    True
    """

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


@attrs.frozen(kw_only=True)
class Target:
    """One deployment that is watched.

    Attributes:
        name: how people and the journal call it.
        url: the base URL of its API, "" when only its process is known.
        pid: its main process, where vmon owns or found it.
        started: the main process' start time in Unix seconds; with `pid` it proves identity.
        launch_id: the id that vmon put into the environment of a server that it launched, "" otherwise.
        log: the path of its log file, "" when there is none to read.
        command: its command line.
    """

    name: str
    url: str = ""
    pid: int | None = None
    started: float | None = None
    launch_id: str = ""
    log: str = ""
    command: tuple[str, ...] = ()

    @property
    def owned(self) -> bool:
        """Whether vmon launched it."""
        return bool(self.launch_id)


@attrs.frozen
class Sample:
    """One number.

    Attributes:
        name: the canonical metric name, such as `vllm.requests.running`.
        value: the number, in `unit`.
        time: when it was read, Unix seconds.
        labels: label pairs, sorted.
        unit: such as `bytes`, `seconds`, `tokens`, `ratio`; "" for a plain count.
        counter: whether it only grows (within one life of its process).
    """

    name: str
    value: float
    time: float
    labels: Labels = ()
    unit: str = ""
    counter: bool = False


@attrs.frozen
class Frame:
    """What one collection brought in: the unit that the pipeline advances by, live and in a replay.

    Attributes:
        time: the moment it stands for.
        evidence: observations about the lifecycle, oldest first.
        samples: numbers.
    """

    time: float
    evidence: tuple[Evidence, ...] = ()
    samples: tuple[Sample, ...] = ()


@attrs.frozen
class Tick:
    """One turn of a collector.

    Attributes:
        time: now, Unix seconds.
        target: whom to look at.
        state: the state that the target is in.
        urgent: the lifecycle has a suspicion and wants a fresh look even if nothing would be due.
    """

    time: float
    target: Target
    state: LifecycleState = LifecycleState.UNKNOWN
    urgent: bool = False


@attrs.frozen(kw_only=True)
class Change:
    """A transition of the lifecycle.

    Attributes:
        time: when.
        origin, state: from where to where.
        transition: why, as a word.
        reason: why, as a sentence that names the evidence.
        evidence: the evidence that decided.
    """

    time: float
    origin: LifecycleState
    state: LifecycleState
    transition: StateTransition
    reason: str
    evidence: tuple[Evidence, ...] = ()


@attrs.frozen(kw_only=True)
class Finding:
    """What an analyzer concluded.

    Attributes:
        code: stable name such as `engine.unresponsive`.
        severity: how much it matters.
        summary: one sentence with the figures.
        time: when it was concluded.
        entities: what it is about, such as `Worker_TP1` or `GPU 3`.
        evidence: sentences that support it.
        advice: what to do.
        source: the plugin that found it; the host fills it in.
        cleared: it no longer holds.
    """

    code: str
    severity: Severity
    summary: str
    time: float
    entities: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    advice: str = ""
    source: str = ""
    cleared: bool = False


class CheckVerdict(StrEnum):
    """What a check concluded; *not evaluated* is neither good nor bad news."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    NOT_EVALUATED = "not_evaluated"


@attrs.frozen(kw_only=True)
class CompatibilityCheck:
    """What one check of a launch, a machine or a running deployment concluded.

    Attributes:
        code: stable and dotted, such as `memory.weights_do_not_fit`; it names the rule, whatever the verdict.
        verdict: what came out.
        summary: one sentence with the figures; for `NOT_EVALUATED`, why.
        evidence: what was read, and the arithmetic, a line each.
        fix: what to do, as a flag that is valid in the version concerned; "" when all is well.
        source: the plugin that checked; the host fills it in.
    """

    code: str
    verdict: CheckVerdict
    summary: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    source: str = ""


@attrs.frozen(kw_only=True)
class Checkpoint:
    """An immutable snapshot of a deployment, taken at each transition and on demand.

    Attributes:
        id: unique; sorts by time.
        time: when it was taken.
        target: whose.
        state: the state it was in.
        transition: why it got there.
        reason: the same as a sentence.
        arguments: the server's arguments, from its command line and its own reports.
        environment: allow-listed variables, secrets redacted.
        hardware: CPU, memory, NUMA, and what plugins add.
        software: versions of Python, vLLM, vmon and its plugins; those of plugins with where they come from.
        metrics: the latest value of each series, by flat name.
        findings: codes of open findings.
        evidence: sentences behind the state.
        checks: what compatibility checks concluded, before the launch and since.
    """

    id: str
    time: float
    target: str
    state: LifecycleState
    transition: StateTransition
    reason: str = ""
    arguments: Mapping[str, Any] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict)
    hardware: Mapping[str, Any] = attrs.field(factory=dict)
    software: Mapping[str, str] = attrs.field(factory=dict)
    metrics: Mapping[str, float] = attrs.field(factory=dict)
    findings: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    checks: tuple[CompatibilityCheck, ...] = ()


class GateMode(StrEnum):
    """How far an action may go, from never to at once."""

    OFF = "off"
    OBSERVE = "observe"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTO = "auto"


@attrs.frozen(kw_only=True)
class GuardrailPolicy:
    """A condition over a checkpoint that proposes an intervention while it holds.

    Attributes:
        name: unique among policies.
        condition: called with a `Checkpoint`; true proposes the intervention. It must not block.
        intervention: the kind of action to propose, such as `notify`.
        description: what it protects.
        severity: how much a violation matters.
        hold_for: seconds that the condition must hold before it counts.
        cooldown: seconds after a proposal during which it proposes nothing again.
        mode: overrides the gate's mode for this policy; None keeps the gate's.
        parameters: handed to the intervention.
    """

    name: str
    condition: Callable[[Checkpoint], object]
    intervention: str
    description: str = ""
    severity: Severity = Severity.WARNING
    hold_for: float = 0.0
    cooldown: float = 60.0
    mode: GateMode | None = None
    parameters: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Action:
    """A proposal to do something.

    Attributes:
        id: unique.
        kind: the intervention's name; exactly one plugin owns it.
        target: the name of the deployment.
        reason: why, for the person who has to approve it.
        policy: the guardrail that proposed it.
        time: when.
        mode: the policy's own mode, None for the gate's.
        parameters: for the intervention.
    """

    id: str
    kind: str
    target: str
    reason: str
    policy: str
    time: float
    mode: GateMode | None = None
    parameters: Mapping[str, Any] = attrs.field(factory=dict)


class Ruling(StrEnum):
    """What the gate, or a reviewer, says to an action; deny outweighs hold, hold outweighs allow."""

    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


@attrs.frozen(kw_only=True)
class Verdict:
    """A ruling on an action and why."""

    ruling: Ruling
    reason: str
    by: str = ""


class OutcomeStatus(StrEnum):
    """How an action ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen(kw_only=True)
class Outcome:
    """What came of an action.

    Attributes:
        action: the action's id.
        status: how it ended.
        detail: one sentence.
        time: when.
        verified: whether a later look confirmed that it helped; None while nobody has looked.
    """

    action: str
    status: OutcomeStatus
    detail: str
    time: float
    verified: bool | None = None
