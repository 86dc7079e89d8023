"""Evidence: what was observed about a deployment's life, by whom and when.

Each class is one kind of observation. Collectors make them, the lifecycle folds them into facts, the journal keeps
them. They are a closed set on purpose: a plugin that sees something new says it with one of these, so that the state
machine stays a pure function over a known alphabet.

Times are Unix seconds (in a replay: seconds since launch). `None` always means "not known", never zero.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

import attrs

from vmon_core.lifecycle.states import LifecycleState


class Source(StrEnum):
    """Where an observation came from; independent sources confirm each other."""

    PROCESS = "process"
    LOG = "log"
    HTTP = "http"
    METRIC = "metric"
    ROUND_TRIP = "round_trip"
    EXIT = "exit"
    ACTION = "action"


class Role(StrEnum):
    """What a process does within a deployment."""

    MAIN = "main"
    API_SERVER = "api_server"
    ENGINE_CORE = "engine_core"
    WORKER = "worker"
    COORDINATOR = "coordinator"
    COMPILER = "compiler"
    HELPER = "helper"


_KINDS: dict[str, type[Evidence]] = {}


@attrs.frozen(kw_only=True)
class Evidence:
    """One observation; use a subclass.

    Attributes:
        time: when it was observed, Unix seconds.
        summary: one line for people, such as the log line it came from.
    """

    source: ClassVar[Source]

    time: float
    summary: str = ""

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        """Remember each kind by name, so that the journal can read it back."""
        _KINDS[cls.__name__] = cls

    @property
    def kind(self) -> str:
        """The name of this kind of observation, as the journal stores it."""
        return type(self).__name__


# --- the process table ---


@attrs.frozen(kw_only=True)
class ProcessSeen(Evidence):
    """A process of the deployment exists, or changed its title.

    Attributes:
        pid, parent: process ids.
        role: what it does.
        name: the name vLLM gives it (`EngineCore_DP0`, `Worker_TP1`), or "main", "helper" …
        title: its command line or process title.
        started: its start time in Unix seconds; with the pid it identifies the process for good.
    """

    source = Source.PROCESS
    pid: int
    parent: int = 0
    role: Role = Role.HELPER
    name: str = ""
    title: str = ""
    started: float | None = None


@attrs.frozen(kw_only=True)
class ProcessSampled(Evidence):
    """How a live process is doing.

    Attributes:
        status: the kernel's letter (R running, S sleeping, D disk wait, T stopped, Z zombie).
        cpu_seconds: CPU time used since it started.
        rss_bytes: resident memory.
    """

    source = Source.PROCESS
    pid: int
    status: str
    cpu_seconds: float
    rss_bytes: int | None = None
    threads: int | None = None


@attrs.frozen(kw_only=True)
class ProcessGone(Evidence):
    """A process ended (or is a zombie); nobody saw its exit status."""

    source = Source.PROCESS
    pid: int


@attrs.frozen(kw_only=True)
class ProcessExited(Evidence):
    """A process ended and its status was looked for: `code` or `signal` is set, neither when it is unreadable.

    Attributes:
        main: whether it is the deployment's main process.
        signal: the signal's number that ended it.
    """

    source = Source.EXIT
    pid: int
    main: bool = False
    code: int | None = None
    signal: int | None = None


# --- the log ---


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


@attrs.frozen(kw_only=True)
class FailureSeen(Evidence):
    """A failure was reported, by the deepest process that reports it or by one that only heard of it.

    Attributes:
        code: its stable code, such as `memory.kv_cache_too_small`.
        cause: one sentence, taken from the message.
        process: the reporting process.
        depth: 0 main or API server, 1 engine core, 2 worker; the deepest reporter knows best.
        weight: 3 a named root cause, 2 a death or an exception without a known cause, 1 an echo of another
            process' failure.
        fatal: the deployment cannot live on after it.
        restart_helps: whether the same command can be expected to work when tried again.
        advice: what to do about it.
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


# --- HTTP and metrics ---


@attrs.frozen(kw_only=True)
class Probed(Evidence):
    """One HTTP request of ours and its answer.

    Attributes:
        path: what was asked, such as `/health`.
        code: the HTTP status, None when there was no answer.
        error: why there was none: refused, reset, timeout, tls, not_http, too_large, unresolved, other.
        seconds: how long it took.
    """

    source = Source.HTTP
    path: str
    code: int | None = None
    error: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the server answered that all is well."""
        return self.code is not None and 200 <= self.code < 300  # noqa: PLR2004 (HTTP's own numbers)


@attrs.frozen(kw_only=True)
class EngineCounted(Evidence):
    """One fresh scrape's view of the engines, summed over them. None: the server does not offer that series.

    Attributes:
        steps: engine steps so far (`iteration_tokens_total_count`), the best heartbeat.
        generated, prompted: tokens so far.
        finished: requests finished so far.
        running, waiting: gauges, sampled at step ends: they freeze in a hang, so they never decide alone.
        in_flight: requests inside the API server by its own count (/load), where tracking is on.
        preemptions, corrupted, rejected: counters.
        asleep: the sleep gauge.
        updating: weight-update operations in flight.
    """

    source = Source.METRIC
    steps: float | None = None
    generated: float | None = None
    prompted: float | None = None
    finished: float | None = None
    running: float | None = None
    waiting: float | None = None
    in_flight: float | None = None
    preemptions: float | None = None
    corrupted: float | None = None
    rejected: float | None = None
    asleep: bool | None = None
    updating: bool | None = None


@attrs.frozen(kw_only=True)
class RoundTripped(Evidence):
    """A request that passes through the engine was answered or not: the only probe that no hang survives.

    Attributes:
        what: the request, such as `/is_paused` or `canary`.
    """

    source = Source.ROUND_TRIP
    what: str
    ok: bool
    seconds: float
    error: str = ""


# --- our own actions ---


@attrs.frozen(kw_only=True)
class ActionTaken(Evidence):
    """Something was done to the deployment by vmon or by the person who runs it.

    Attributes:
        action: launch, attach, adopt, or a signal's name such as SIGTERM.
        actor: operator, vmon, clean-up.
    """

    source = Source.ACTION
    action: str
    actor: str = "operator"


@attrs.frozen(kw_only=True)
class CleanupVerified(Evidence):
    """What was left behind after the end, looked up rather than assumed; None: could not be measured.

    Attributes:
        processes: pids of the deployment's session that still live.
        port_free: whether the port can be bound again.
        shared_memory: names under /dev/shm that the deployment provably left.
        suspected: other names that appeared in its life; another program may have made them, so they decide nothing.
        gpu_bytes: GPU memory still held by its processes.
    """

    source = Source.ACTION
    processes: tuple[int, ...] = ()
    port_free: bool | None = None
    shared_memory: tuple[str, ...] = ()
    suspected: tuple[str, ...] = ()
    gpu_bytes: int | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing measurable was left."""
        return not self.processes and not self.shared_memory and self.port_free is not False and not self.gpu_bytes


def kinds() -> dict[str, type[Evidence]]:
    """Every kind of evidence by its name.

    >>> "ProcessGone" in kinds()
    True
    """
    return dict(_KINDS)
