"""Fold evidence into facts, one observation at a time: a pure function, one small rule for each kind of evidence."""

from __future__ import annotations

from functools import singledispatch

import attrs

from vmon_core import evidence as ev
from vmon_core.lifecycle.facts import BUSY_SHARE, KEPT_SCRAPES, Facts, Process
from vmon_core.lifecycle.states import STARTUP_ORDER, LifecycleState

STOP_SIGNALS = frozenset({"SIGTERM", "SIGINT", "SIGKILL"})
"""The signals by which a deployment is asked, or forced, to end."""

KEPT_FAILURES = 50
"""The most failures kept; the cause is among the first ones."""

KEPT_DEVICES = 256
"""The most accelerators whose judgements are kept; the largest machines have sixteen, with seven instances each."""

KEPT_DEVICE_EVENTS = 64
"""The most events of accelerators; of each accelerator and code the latest is kept."""

_RANK = {state: rank for rank, state in enumerate(STARTUP_ORDER)}


def fold(facts: Facts, seen: ev.Evidence) -> Facts:
    """Take in one observation.

    Args:
        facts: what was known before.
        seen: what was observed; an observation older than the newest one is taken in all the same.

    Returns:
        What is known now.
    """
    moment = max(seen.time, facts.seen_at or seen.time)
    has_log = facts.has_log or seen.source is ev.Source.LOG
    return _fold(seen, attrs.evolve(facts, seen_at=moment, has_log=has_log))


@singledispatch
def _fold(seen: ev.Evidence, facts: Facts) -> Facts:  # noqa: ARG001 (the rules below need it; this one is for kinds without one)
    return facts


# --- processes ---


@_fold.register
def _(seen: ev.ProcessSeen, facts: Facts) -> Facts:
    known = facts.processes.get(seen.pid)
    same = known is not None and (known.started is None or seen.started is None or known.started == seen.started)
    process = (
        attrs.evolve(known, role=seen.role, name=seen.name or known.name, title=seen.title or known.title)
        if known is not None and same and known.alive
        else Process(
            pid=seen.pid, parent=seen.parent, role=seen.role, name=seen.name, title=seen.title, started=seen.started
        )
    )
    facts = _with_process(facts, process)
    phase = _PHASE_OF_ROLE.get(seen.role)
    return _advance(facts, phase, seen) if phase and facts.startup.began is not None else facts


_PHASE_OF_ROLE = {
    ev.Role.MAIN: LifecycleState.LAUNCHING,
    ev.Role.ENGINE_CORE: LifecycleState.STARTING_ENGINE,
    ev.Role.WORKER: LifecycleState.CONNECTING_WORKERS,
}


@_fold.register
def _(seen: ev.ProcessSampled, facts: Facts) -> Facts:
    process = facts.processes.get(seen.pid)
    if process is None or not process.alive:
        return facts
    busy = _was_busy(process, seen)
    process = attrs.evolve(
        process,
        status=seen.status,
        status_since=process.status_since if process.status == seen.status else seen.time,
        cpu_seconds=seen.cpu_seconds,
        rss_bytes=seen.rss_bytes if seen.rss_bytes is not None else process.rss_bytes,
        sampled_at=seen.time,
        busy_at=seen.time if busy else process.busy_at,
    )
    return _with_process(_moved(facts, seen.time) if busy else facts, process)


def _was_busy(process: Process, seen: ev.ProcessSampled) -> bool:
    if process.cpu_seconds is None or process.sampled_at is None or seen.time <= process.sampled_at:
        return True
    return (seen.cpu_seconds - process.cpu_seconds) / (seen.time - process.sampled_at) > BUSY_SHARE


@_fold.register
def _(seen: ev.ProcessGone, facts: Facts) -> Facts:
    return _process_ended(facts, seen.pid, seen.time)


@_fold.register
def _(seen: ev.ProcessExited, facts: Facts) -> Facts:
    main = facts.main
    if seen.main or (main is not None and main.pid == seen.pid):
        facts = attrs.evolve(facts, ending=attrs.evolve(facts.ending, exit=seen))
        facts = _main_ended(facts, seen.time)
    return _process_ended(facts, seen.pid, seen.time)


def _process_ended(facts: Facts, pid: int, time: float) -> Facts:
    process = facts.processes.get(pid)
    if process is None or not process.alive:
        return facts
    facts = _with_process(facts, attrs.evolve(process, gone_at=time))
    return _main_ended(facts, time) if process.role is ev.Role.MAIN else facts


def _main_ended(facts: Facts, time: float) -> Facts:
    if facts.ending.main_gone_at is not None:
        return facts
    return attrs.evolve(facts, ending=attrs.evolve(facts.ending, main_gone_at=time))


def _with_process(facts: Facts, process: Process) -> Facts:
    return attrs.evolve(facts, processes={**facts.processes, process.pid: process})


# --- the log ---


@_fold.register
def _(seen: ev.PhaseReached, facts: Facts) -> Facts:
    process = facts.processes.get(seen.pid) if seen.pid is not None else None
    if process is not None:
        facts = _with_process(facts, attrs.evolve(process, phase=seen.state))
    return _advance(facts, seen.state, seen)


@_fold.register
def _(seen: ev.PhaseProgressed, facts: Facts) -> Facts:
    facts = _advance(facts, seen.state, seen)
    if facts.startup.phase is not seen.state:
        return facts
    return attrs.evolve(facts, startup=attrs.evolve(facts.startup, done=seen.done, total=seen.total))


@_fold.register
def _(seen: ev.ApiServersExpected, facts: Facts) -> Facts:
    return attrs.evolve(facts, startup=attrs.evolve(facts.startup, expected_servers=max(1, seen.count)))


@_fold.register
def _(seen: ev.ServerStarted, facts: Facts) -> Facts:
    startup = attrs.evolve(facts.startup, started_servers=facts.startup.started_servers + 1)
    facts = _moved(attrs.evolve(facts, startup=startup), seen.time)
    return _ready(facts, seen.time) if startup.started_servers >= startup.expected_servers else facts


@_fold.register
def _(seen: ev.ServerDescribed, facts: Facts) -> Facts:
    return attrs.evolve(facts, reported={**facts.reported, **seen.facts})


@_fold.register
def _(seen: ev.StopAcknowledged, facts: Facts) -> Facts:
    ending = facts.ending
    return attrs.evolve(
        facts,
        ending=attrs.evolve(
            ending,
            requested_at=ending.requested_at if ending.requested_at is not None else seen.time,
            acknowledged=True,
            draining=ending.draining or seen.draining,
            drain_timeout=seen.timeout if seen.timeout is not None else ending.drain_timeout,
        ),
    )


@_fold.register
def _(seen: ev.FailureSeen, facts: Facts) -> Facts:
    if facts.stopping or len(facts.failures) >= KEPT_FAILURES:
        return facts
    return attrs.evolve(facts, failures=(*facts.failures, seen))


@_fold.register
def _(seen: ev.SuspicionRaised, facts: Facts) -> Facts:
    others = tuple(s for s in facts.suspicions if s.code != seen.code or s.process != seen.process)
    return attrs.evolve(facts, suspicions=(*others, seen))


@_fold.register
def _(seen: ev.RequestAnswered, facts: Facts) -> Facts:
    return attrs.evolve(facts, traffic=attrs.evolve(facts.traffic, answered_at=seen.time))


@_fold.register
def _(seen: ev.SchedulerPaused, facts: Facts) -> Facts:
    return attrs.evolve(facts, paused=seen.paused)


@_fold.register
def _(seen: ev.SleepChanged, facts: Facts) -> Facts:
    return attrs.evolve(facts, sleep=None if seen.state is LifecycleState.IDLE else seen.state)


@_fold.register
def _(seen: ev.MaintenanceChanged, facts: Facts) -> Facts:
    if seen.active:
        return attrs.evolve(facts, maintenance=seen.state)
    return attrs.evolve(facts, maintenance=None) if facts.maintenance is seen.state else facts


@_fold.register
def _(seen: ev.RuntimeCompiled, facts: Facts) -> Facts:
    return attrs.evolve(facts, compiled_at=seen.time)


# --- HTTP and metrics ---


@_fold.register
def _(seen: ev.Probed, facts: Facts) -> Facts:
    contact = facts.contact
    if seen.code is None:
        since = contact.failing_since if contact.failing_since is not None else seen.time - seen.seconds
        contact = attrs.evolve(contact, failing_since=since, failures=contact.failures + 1)
    else:
        contact = attrs.evolve(contact, failing_since=None, failures=0, answered_at=seen.time)
    if seen.path == "/health":
        server_error = seen.code is not None and seen.code >= 500  # noqa: PLR2004 (HTTP's own number)
        contact = attrs.evolve(contact, health=seen, unhealthy=contact.unhealthy + 1 if server_error else 0)
    facts = attrs.evolve(facts, contact=contact)
    return _ready(facts, seen.time) if _health_proves_ready(facts, seen) else facts


def _health_proves_ready(facts: Facts, seen: ev.Probed) -> bool:
    """Without a log, /health 200 is all that tells of readiness; with one, the log's own line is waited for."""
    return seen.path == "/health" and seen.ok and not facts.has_log


@_fold.register
def _(seen: ev.EngineCounted, facts: Facts) -> Facts:
    before = facts.traffic.counted or _at_launch(facts, seen)
    moved = before is not None and _moved_on(before, seen)
    traffic = attrs.evolve(
        facts.traffic,
        counted=seen,
        progress_at=seen.time if moved else facts.traffic.progress_at,
        flat_scrapes=0 if moved or before is None else facts.traffic.flat_scrapes + 1,
        queued=(*facts.traffic.queued, (seen.waiting or 0) > 0)[-KEPT_SCRAPES:],
        refused_at=seen.time if before and _grew(before.rejected, seen.rejected) else facts.traffic.refused_at,
        corrupted_at=seen.time if before and _grew(before.corrupted, seen.corrupted) else facts.traffic.corrupted_at,
    )
    facts = attrs.evolve(facts, traffic=traffic, suspicions=() if moved else facts.suspicions)
    return _gauged(facts, seen)


def _at_launch(facts: Facts, seen: ev.EngineCounted) -> ev.EngineCounted | None:
    """A server whose launch was seen has counted from zero, so its very first scrape can show movement."""
    if facts.startup.began is None:
        return None
    return ev.EngineCounted(time=seen.time, steps=0, generated=0, prompted=0, finished=0)


def _moved_on(before: ev.EngineCounted, after: ev.EngineCounted) -> bool:
    """Whether a counter moved; one that fell was reset by a new process, which is movement as well."""
    pairs = (
        (before.steps, after.steps),
        (before.generated, after.generated),
        (before.prompted, after.prompted),
        (before.finished, after.finished),
    )
    return any(old is not None and new is not None and new != old for old, new in pairs)


def _grew(before: float | None, after: float | None) -> bool:
    return before is not None and after is not None and after > before


def _gauged(facts: Facts, seen: ev.EngineCounted) -> Facts:
    """Take over the gauges that the server sets by its own action; those cannot freeze."""
    if seen.asleep is not None and seen.asleep != (facts.sleep is LifecycleState.SLEEPING):
        facts = attrs.evolve(facts, sleep=LifecycleState.SLEEPING if seen.asleep else None)
    if seen.updating is not None:
        change = ev.MaintenanceChanged(time=seen.time, state=LifecycleState.UPDATING_WEIGHTS, active=seen.updating)
        return fold(facts, change)
    return facts


@_fold.register
def _(seen: ev.RoundTripped, facts: Facts) -> Facts:
    since = facts.contact.trip_failing_since
    failing = None if seen.ok else (since if since is not None else seen.time - seen.seconds)
    contact = attrs.evolve(facts.contact, trip=seen, trip_failing_since=failing)
    suspicions = () if seen.ok else facts.suspicions
    return attrs.evolve(facts, contact=contact, suspicions=suspicions)


# --- accelerators ---


@_fold.register
def _(seen: ev.DeviceJudged, facts: Facts) -> Facts:
    if seen.device not in facts.devices and len(facts.devices) >= KEPT_DEVICES:
        return facts
    return attrs.evolve(facts, devices={**facts.devices, seen.device: seen})


@_fold.register
def _(seen: ev.DeviceEvent, facts: Facts) -> Facts:
    others = tuple(e for e in facts.device_events if (e.device, e.code) != (seen.device, seen.code))
    return attrs.evolve(facts, device_events=(*others, seen)[-KEPT_DEVICE_EVENTS:])


# --- actions ---


@_fold.register
def _(seen: ev.ActionTaken, facts: Facts) -> Facts:
    if seen.action == "preflight":
        return attrs.evolve(facts, preflight=True)
    if seen.action == "launch":
        facts = attrs.evolve(facts, preflight=False, startup=attrs.evolve(facts.startup, began=seen.time))
        return _advance(facts, LifecycleState.LAUNCHING, seen)
    if seen.action not in STOP_SIGNALS:
        return facts
    ending = facts.ending
    requested = ending.requested_at if ending.requested_at is not None else seen.time
    killed = ending.killed or seen.action == "SIGKILL"
    return attrs.evolve(facts, ending=attrs.evolve(ending, requested_at=requested, killed=killed))


@_fold.register
def _(seen: ev.CleanupVerified, facts: Facts) -> Facts:
    return attrs.evolve(facts, ending=attrs.evolve(facts.ending, cleanup=seen))


# --- the start ---


def _advance(facts: Facts, phase: LifecycleState, seen: ev.Evidence) -> Facts:
    """Move the start forward to `phase`; it never moves back, and phases in between may be skipped."""
    startup = facts.startup
    facts = _moved(facts, seen.time)
    if startup.ready_at is not None or (startup.phase is not None and _RANK[phase] <= _RANK[startup.phase]):
        return facts
    startup = attrs.evolve(facts.startup, phase=phase, phase_since=seen.time, proof=_proof(seen), done=0, total=0)
    return attrs.evolve(facts, startup=startup)


def _proof(seen: ev.Evidence) -> str:
    if isinstance(seen, ev.ProcessSeen):
        return seen.summary or f"process {seen.name or seen.role} (pid {seen.pid}) appeared"
    return seen.summary or seen.kind


def _moved(facts: Facts, time: float) -> Facts:
    return attrs.evolve(facts, startup=attrs.evolve(facts.startup, moved_at=time))


def _ready(facts: Facts, time: float) -> Facts:
    if facts.startup.ready_at is not None:
        return facts
    return attrs.evolve(facts, startup=attrs.evolve(facts.startup, ready_at=time))
