"""What is known about one deployment's life: the memory that evidence is folded into.

Facts hold no opinion. They keep what was observed, when, and the few differences between two observations (did a
counter move, did a process use the processor) that a single observation cannot show. `judge.py` draws the conclusions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from vmon_core.evidence import (
    CleanupVerified,
    DeviceEvent,
    DeviceJudged,
    EngineCounted,
    FailureSeen,
    Probed,
    ProcessExited,
    Role,
    RoundTripped,
    SuspicionRaised,
)
from vmon_core.lifecycle.states import LifecycleState

STOPPED_STATUS = "Tt"
"""Kernel letters of a process that is stopped by a signal or a debugger."""

KEPT_SCRAPES = 5
"""How many scrapes are remembered to tell a queue from a burst: gauges are sampled between steps and alias."""

BUSY_SHARE = 0.05
"""The share of one core above which a process counts as busy; a worker that waits for work stays below (recordings)."""


@attrs.frozen(kw_only=True)
class Process:
    """One process of the deployment.

    Attributes:
        status: the kernel's letter when it was last looked at, "" before.
        status_since: since when it has that letter.
        sampled_at: when it was last looked at.
        busy_at: when it was last seen using the processor.
        gone_at: when it ended; None while it lives.
        phase: the start-up phase that its own log lines prove.
    """

    pid: int
    parent: int
    role: Role
    name: str
    title: str = ""
    started: float | None = None
    status: str = ""
    status_since: float = 0.0
    cpu_seconds: float | None = None
    rss_bytes: int | None = None
    sampled_at: float | None = None
    busy_at: float | None = None
    gone_at: float | None = None
    phase: LifecycleState | None = None

    @property
    def alive(self) -> bool:
        """Whether it has not been seen to end."""
        return self.gone_at is None

    @property
    def stopped(self) -> bool:
        """Whether a signal holds it: it exists and cannot work."""
        return self.alive and self.status != "" and self.status in STOPPED_STATUS


@attrs.frozen(kw_only=True)
class Startup:
    """How far the start has come.

    Attributes:
        began: when the launch began; None when vmon came later.
        phase: the furthest phase that was proved.
        phase_since: since when.
        proof: the line or observation that proved it.
        done, total: the progress bar of the phase, where it has one.
        moved_at: the last sign of life of the start.
        expected_servers, started_servers: API servers that there should be, and that have said they are up.
        ready_at: when the start was complete.
    """

    began: float | None = None
    phase: LifecycleState | None = None
    phase_since: float = 0.0
    proof: str = ""
    done: int = 0
    total: int = 0
    moved_at: float | None = None
    expected_servers: int = 1
    started_servers: int = 0
    ready_at: float | None = None


@attrs.frozen(kw_only=True)
class Traffic:
    """What the engines' counters say.

    Attributes:
        counted: the latest scrape.
        progress_at: when a counter was last seen to have moved.
        flat_scrapes: fresh scrapes in a row in which none moved.
        queued: for each of the last scrapes, the newest last, whether requests waited.
        refused_at: when the count of refused requests last grew.
        corrupted_at: when the count of corrupt answers last grew.
        answered_at: when the access log last showed an inference request.
    """

    counted: EngineCounted | None = None
    progress_at: float | None = None
    flat_scrapes: int = 0
    queued: tuple[bool, ...] = ()
    refused_at: float | None = None
    corrupted_at: float | None = None
    answered_at: float | None = None


@attrs.frozen(kw_only=True)
class Contact:
    """What our own requests met.

    Attributes:
        health: the latest answer of /health, or the failure to get one.
        answered_at: when the server last answered anything.
        failing_since: since when no request of ours was answered.
        failures: requests in a row that were not answered.
        unhealthy: /health answers in a row that were errors of the server itself (5xx).
        trip: the latest request that went through the engine.
        trip_failing_since: since when those fail.
    """

    health: Probed | None = None
    answered_at: float | None = None
    failing_since: float | None = None
    failures: int = 0
    unhealthy: int = 0
    trip: RoundTripped | None = None
    trip_failing_since: float | None = None


@attrs.frozen(kw_only=True)
class Ending:
    """What is known of the end.

    Attributes:
        requested_at: when a stop was first asked for, by us or as the log says.
        acknowledged: the server said that it stops.
        draining: it first finishes its requests.
        drain_timeout: the seconds it gives itself for that.
        killed: vmon, or who runs it, sent SIGKILL.
        exit: the main process' exit status.
        main_gone_at: when the main process ended.
        cleanup: what was found afterwards.
    """

    requested_at: float | None = None
    acknowledged: bool = False
    draining: bool = False
    drain_timeout: float | None = None
    killed: bool = False
    exit: ProcessExited | None = None
    main_gone_at: float | None = None
    cleanup: CleanupVerified | None = None


@attrs.frozen(kw_only=True)
class Facts:
    """Everything together. It is immutable: folding evidence makes a new one.

    Attributes:
        seen_at: the time of the newest evidence; None before the first.
        preflight: vmon is checking a launch that has not begun.
        has_log: a log has been read.
        reported: what the server told about itself: version, arguments, sizes.
        processes: by pid, those that ended included.
        failures: what was reported as failed, oldest first.
        suspicions: who was reported as silent since the last progress.
        compiled_at: when the log last told of a compilation at run time.
        paused: the scheduler is paused.
        sleep: SLEEPING, WAKING or None (awake).
        maintenance: SCALING, UPDATING_WEIGHTS or None.
        devices: the latest judgement of each accelerator, by its name.
        device_events: the latest event of each accelerator and code, oldest first.
    """

    seen_at: float | None = None
    preflight: bool = False
    has_log: bool = False
    reported: Mapping[str, Any] = attrs.field(factory=dict)
    startup: Startup = attrs.field(factory=Startup)
    processes: Mapping[int, Process] = attrs.field(factory=dict)
    traffic: Traffic = attrs.field(factory=Traffic)
    contact: Contact = attrs.field(factory=Contact)
    ending: Ending = attrs.field(factory=Ending)
    failures: tuple[FailureSeen, ...] = ()
    suspicions: tuple[SuspicionRaised, ...] = ()
    compiled_at: float | None = None
    paused: bool = False
    sleep: LifecycleState | None = None
    maintenance: LifecycleState | None = None
    devices: Mapping[str, DeviceJudged] = attrs.field(factory=dict)
    device_events: tuple[DeviceEvent, ...] = ()

    def alive(self, *roles: Role) -> tuple[Process, ...]:
        """The processes that live, of these roles or of any."""
        return tuple(p for p in self.processes.values() if p.alive and (not roles or p.role in roles))

    def gone(self, *roles: Role) -> tuple[Process, ...]:
        """The processes of these roles that ended."""
        return tuple(p for p in self.processes.values() if not p.alive and p.role in roles)

    @property
    def main(self) -> Process | None:
        """The main process, where it was seen."""
        return next((p for p in self.processes.values() if p.role is Role.MAIN), None)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self.ending.requested_at is not None

    @property
    def ended(self) -> bool:
        """Whether the main process has ended."""
        return self.ending.main_gone_at is not None or self.ending.exit is not None
