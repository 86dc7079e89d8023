"""The states that a deployment can be in, and why it moved between them.

A state is a claim, so each one says what proves it, what ends it, and how long it may last without progress before
vmon calls it overdue. The bounds come from recorded starts of vLLM 0.32 on a busy two-core machine, times three; they
are defaults, not promises.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stage(StrEnum):
    """The five groups of states, in the order of a deployment's life."""

    BEFORE = "before"
    STARTUP = "startup"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"


class LifecycleState(StrEnum):
    """Where a deployment is in its life; `STATES` documents each member.

    >>> LifecycleState("SERVING").stage
    <Stage.RUNNING: 'running'>
    """

    UNKNOWN = "UNKNOWN"
    PREFLIGHT = "PREFLIGHT"

    LAUNCHING = "LAUNCHING"
    INITIALIZING = "INITIALIZING"
    STARTING_ENGINE = "STARTING_ENGINE"
    CONNECTING_WORKERS = "CONNECTING_WORKERS"
    DOWNLOADING_WEIGHTS = "DOWNLOADING_WEIGHTS"
    LOADING_WEIGHTS = "LOADING_WEIGHTS"
    COMPILING = "COMPILING"
    PROFILING_MEMORY = "PROFILING_MEMORY"
    ALLOCATING_KV_CACHE = "ALLOCATING_KV_CACHE"
    CAPTURING_GRAPHS = "CAPTURING_GRAPHS"
    WARMING_UP = "WARMING_UP"
    STARTING_SERVER = "STARTING_SERVER"

    IDLE = "IDLE"
    SERVING = "SERVING"
    SATURATED = "SATURATED"
    DEGRADED = "DEGRADED"
    CORRUPT = "CORRUPT"
    RECOMPILING = "RECOMPILING"
    STALLED = "STALLED"
    HUNG = "HUNG"
    PAUSED = "PAUSED"
    SLEEPING = "SLEEPING"
    WAKING = "WAKING"
    SCALING = "SCALING"
    UPDATING_WEIGHTS = "UPDATING_WEIGHTS"

    DRAINING = "DRAINING"
    STOPPING = "STOPPING"
    STUCK_STOPPING = "STUCK_STOPPING"

    STOPPED = "STOPPED"
    FAILED_TO_START = "FAILED_TO_START"
    CRASHED = "CRASHED"
    KILLED = "KILLED"
    LEFTOVERS = "LEFTOVERS"
    UNREACHABLE = "UNREACHABLE"

    @property
    def stage(self) -> Stage:
        """The group that this state belongs to."""
        return STATES[self].stage

    @property
    def stall_after(self) -> float | None:
        """Seconds without any sign of progress after which this state is overdue, or None where waiting is normal."""
        return STATES[self].stall_after


class StateTransition(StrEnum):
    """Why a deployment moved from one state to another."""

    DISCOVERY = "DISCOVERY"
    STARTUP = "STARTUP"
    PROGRESS = "PROGRESS"
    READY = "READY"
    LOAD = "LOAD"
    DEGRADATION = "DEGRADATION"
    STALL = "STALL"
    RECOVERY = "RECOVERY"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    MAINTENANCE = "MAINTENANCE"
    SHUTDOWN = "SHUTDOWN"
    FAILURE = "FAILURE"
    CLEANUP = "CLEANUP"
    LOST = "LOST"
    MANUAL = "MANUAL"


@attrs.frozen
class StateInfo:
    """What one state means.

    Attributes:
        stage: the group it belongs to.
        proof: the evidence that puts a deployment into this state.
        end: what takes it out again.
        stall_after: seconds without progress after which it is overdue; None where there is no bound.
    """

    stage: Stage
    proof: str
    end: str
    stall_after: float | None = None


_S = LifecycleState
_STARTUP, _RUNNING = Stage.STARTUP, Stage.RUNNING

STATES: Mapping[LifecycleState, StateInfo] = MappingProxyType(
    {
        _S.UNKNOWN: StateInfo(Stage.BEFORE, "no fresh evidence of any kind", "any evidence"),
        _S.PREFLIGHT: StateInfo(
            Stage.BEFORE, "vmon is checking the launch before it starts a process", "the process exists", 60
        ),
        _S.LAUNCHING: StateInfo(
            _STARTUP,
            "the main process exists and has printed nothing: Python is importing",
            "the first configuration line",
            180,
        ),
        _S.INITIALIZING: StateInfo(
            _STARTUP,
            "the banner or the `non-default args` line: arguments parsed, port bound",
            "an engine process appears",
            60,
        ),
        _S.STARTING_ENGINE: StateInfo(
            _STARTUP,
            "an engine process was spawned or logs its configuration",
            "workers appear or a device is initialised",
            180,
        ),
        _S.CONNECTING_WORKERS: StateInfo(
            _STARTUP,
            "workers were spawned, or torch.distributed began its rendezvous",
            "a worker begins to load the model",
            180,
        ),
        _S.DOWNLOADING_WEIGHTS: StateInfo(
            _STARTUP,
            "the hub download was announced or its bytes grow",
            "the `Time spent downloading` line or the first shard",
            120,
        ),
        _S.LOADING_WEIGHTS: StateInfo(
            _STARTUP,
            "`Starting to load model` or a shard progress bar",
            "`Loading weights took` and the next phase's line",
            120,
        ),
        _S.COMPILING: StateInfo(_STARTUP, "torch.compile or CPU warm-up lines", "the compile's closing line", 300),
        _S.PROFILING_MEMORY: StateInfo(
            _STARTUP, "the profiling run or `Available KV cache memory`", "`KV cache size`", 120
        ),
        _S.ALLOCATING_KV_CACHE: StateInfo(
            _STARTUP, "`KV cache size` or a layout line", "graph capture or `init engine … took`", 120
        ),
        _S.CAPTURING_GRAPHS: StateInfo(_STARTUP, "a CUDA-graph progress bar", "`Graph capturing finished`", 120),
        _S.WARMING_UP: StateInfo(_STARTUP, "`init engine … took` or kernel warm-up", "`Starting vLLM server`", 60),
        _S.STARTING_SERVER: StateInfo(
            _STARTUP,
            "`Supported tasks` or `Starting vLLM server`",
            "`Application startup complete` of every API server",
            60,
        ),
        _S.IDLE: StateInfo(
            _RUNNING, "start-up complete or /health 200 with no work in flight", "counters move or requests appear"
        ),
        _S.SERVING: StateInfo(
            _RUNNING,
            "step or token counters advance",
            "counters rest with nothing in flight (IDLE) or something (STALLED)",
        ),
        _S.SATURATED: StateInfo(
            _RUNNING,
            "counters advance while requests wait over several scrapes, or requests are refused for lack of room",
            "the queue is empty again",
        ),
        _S.DEGRADED: StateInfo(
            _RUNNING,
            "counters advance but part of the deployment is out or requests fail",
            "the failing part works again",
        ),
        _S.CORRUPT: StateInfo(
            _RUNNING, "the engine's own NaN counter grew, or a checksum or canary differs", "a restart"
        ),
        _S.RECOMPILING: StateInfo(
            _RUNNING,
            "work in flight, counters rest, and compiler children or worker CPU are busy",
            "counters advance",
            300,
        ),
        _S.STALLED: StateInfo(
            _RUNNING,
            "work in flight and no progress in at least two fresh signals",
            "counters advance, or a third signal makes it HUNG",
            10,
        ),
        _S.HUNG: StateInfo(
            _RUNNING,
            "no progress in at least three independent fresh signals, or the thread that delivers answers has died",
            "counters advance, or the end",
        ),
        _S.PAUSED: StateInfo(_RUNNING, "`setting pause state to PAUSED_*` or /is_paused", "UNPAUSED"),
        _S.SLEEPING: StateInfo(
            _RUNNING,
            "the sleep gauge, the `fall asleep` line or /is_sleeping",
            "wake-up begins or the gauge says awake",
        ),
        _S.WAKING: StateInfo(_RUNNING, "a wake-up began", "the gauge says awake", 120),
        _S.SCALING: StateInfo(_RUNNING, "elastic reconfiguration was announced", "its closing line", 600),
        _S.UPDATING_WEIGHTS: StateInfo(
            _RUNNING, "a weight update is in flight", "the update's in-flight gauge falls", 600
        ),
        _S.DRAINING: StateInfo(
            Stage.ENDING, "`mode=drain` or `draining in-flight requests`", "the engine stops or the time is over", 70
        ),
        _S.STOPPING: StateInfo(
            Stage.ENDING, "a stop was requested, by us or as the server's log says", "the main process ends", 15
        ),
        _S.STUCK_STOPPING: StateInfo(Stage.ENDING, "a requested stop is overdue", "the main process ends"),
        _S.STOPPED: StateInfo(
            Stage.ENDED, "the main process ended after a stop request and no process of it is left", "a new start"
        ),
        _S.FAILED_TO_START: StateInfo(
            Stage.ENDED, "the process ended, or a fatal failure was seen, before it was ever ready", "a new start"
        ),
        _S.CRASHED: StateInfo(
            Stage.ENDED,
            "an engine or worker died, or the main process ended, with no stop request; exit code 0 is no excuse",
            "a new start",
        ),
        _S.KILLED: StateInfo(
            Stage.ENDED, "the main process was ended by a signal that it cannot handle", "a new start"
        ),
        _S.LEFTOVERS: StateInfo(
            Stage.ENDED, "the main process is gone while others of its session live on", "they are gone"
        ),
        _S.UNREACHABLE: StateInfo(
            Stage.ENDED, "probes are refused or time out and there is no process to look at", "an answer"
        ),
    }
)

STARTUP_ORDER: tuple[LifecycleState, ...] = tuple(s for s in LifecycleState if STATES[s].stage is Stage.STARTUP)
"""The start-up states in the only direction in which a start moves."""
