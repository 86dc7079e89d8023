"""What a server's log tells."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import attrs

from vmon_core.evidence.base import Evidence, Source
from vmon_core.lifecycle.states import LifecycleState


@attrs.frozen(kw_only=True)
class PhaseReached(Evidence):
    """A log line proves that a start-up phase began.

    Attributes:
        state: the phase.
        process: the name of the process that said so, "" when the line does not tell.
        pid: that process, where known.
    """

    source = Source.LOG
    state: LifecycleState
    process: str = ""
    pid: int | None = None


@attrs.frozen(kw_only=True)
class PhaseProgressed(Evidence):
    """A progress bar moved.

    Attributes:
        state: the phase it belongs to.
        done, total: steps, such as shards.
    """

    source = Source.LOG
    state: LifecycleState
    done: int
    total: int


@attrs.frozen(kw_only=True)
class ApiServersExpected(Evidence):
    """The deployment runs this many API servers; it is ready when each of them has said so."""

    source = Source.LOG
    count: int


@attrs.frozen(kw_only=True)
class ServerStarted(Evidence):
    """An API server said `Application startup complete`."""

    source = Source.LOG


@attrs.frozen(kw_only=True)
class ServerDescribed(Evidence):
    """The server told something about itself: version, arguments, parallel sizes, KV capacity.

    Attributes:
        facts: names and plain values, such as `{"version": "0.32.0", "max_model_len": 1024}`.
    """

    source = Source.LOG
    facts: dict[str, Any]


@attrs.frozen(kw_only=True)
class StopAcknowledged(Evidence):
    """The server's log says that it is stopping.

    Attributes:
        draining: it first finishes the requests in flight.
        timeout: the seconds that it gives itself for that.
    """

    source = Source.LOG
    draining: bool = False
    timeout: float | None = None


class FailureCategory(StrEnum):
    """What has to change before a failed deployment can work; `UNKNOWN` where the message does not tell."""

    CONFIG = "config"  # the command, the environment, or the model's files
    CAPACITY = "capacity"  # less must be asked for, or more given
    TRANSIENT = "transient"  # time, or another process
    HARDWARE = "hardware"  # a device
    BUG = "bug"  # the software
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class FailureSeen(Evidence):
    """A failure was reported, by the deepest process that reports it or by one that only heard of it.

    Attributes:
        code: its stable code, such as `memory.kv_cache_too_small`.
        cause: the message itself.
        process: the reporting process.
        depth: 0 main or API server, 1 engine core, 2 worker; the deepest reporter knows best.
        weight: 3 a named root cause, 2 a death or an exception without a known cause, 1 an echo of another
            process' failure.
        fatal: the deployment cannot live on after it.
        restart_helps: whether the same command can be expected to work when tried again.
        advice: what to do about it.
        category: what has to change.
        explanation: the real cause as one sentence, with the values of the message; "" where nobody knows it.
        again: when the same command may work, such as "once the port is free"; "" when it will not, or nobody knows.
        remedies: kinds of interventions that can help, gentle ones first; none when only a person can.
    """

    source = Source.LOG
    code: str
    cause: str
    process: str = ""
    depth: int = 0
    weight: int = 2
    fatal: bool = True
    restart_helps: bool = False
    advice: str = ""
    category: FailureCategory = FailureCategory.UNKNOWN
    explanation: str = ""
    again: str = ""
    remedies: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class SuspicionRaised(Evidence):
    """The log says that a part does not answer; it may be busy.

    Attributes:
        code: what is suspected, such as `worker.unresponsive`.
        conclusive: the message alone proves that no answer will come any more (a dead delivery thread).
    """

    source = Source.LOG
    code: str
    process: str = ""
    conclusive: bool = False


@attrs.frozen(kw_only=True)
class EngineReported(Evidence):
    """The engine's own periodic statistics line; it falls silent when idle and when hung."""

    source = Source.LOG
    engine: str
    running: int
    waiting: int
    prompt_tokens_per_second: float
    generation_tokens_per_second: float


@attrs.frozen(kw_only=True)
class RequestAnswered(Evidence):
    """The access log shows that an inference request got its response headers."""

    source = Source.LOG
    path: str
    code: int


@attrs.frozen(kw_only=True)
class SchedulerPaused(Evidence):
    """The scheduler was paused, or resumed when `paused` is False."""

    source = Source.LOG
    paused: bool
    mode: str = ""


@attrs.frozen(kw_only=True)
class SleepChanged(Evidence):
    """The engine went to sleep, began to wake, or is awake.

    Attributes:
        state: SLEEPING, WAKING or IDLE (awake).
        level: the sleep level where known.
    """

    source = Source.LOG
    state: LifecycleState
    level: int | None = None


@attrs.frozen(kw_only=True)
class MaintenanceChanged(Evidence):
    """A long operation on a live deployment began or ended.

    Attributes:
        state: SCALING or UPDATING_WEIGHTS.
        active: whether it is going on.
    """

    source = Source.LOG
    state: LifecycleState
    active: bool


@attrs.frozen(kw_only=True)
class RuntimeCompiled(Evidence):
    """A kernel was compiled after warm-up: a latency spike, not a hang."""

    source = Source.LOG
