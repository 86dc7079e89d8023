"""The rules for starts and for servers that run: how far, how busy, and whether anything still moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.evidence import Role
from vmon_core.lifecycle import signals as sig
from vmon_core.lifecycle.case import Case, Judgement
from vmon_core.lifecycle.signals import Signal
from vmon_core.lifecycle.states import LifecycleState

if TYPE_CHECKING:
    from vmon_core.lifecycle.facts import Facts

HUNG_SIGNALS = 3
"""How many independent signals make a hang (design: fewer have innocent readings)."""

HUNG_SECONDS = 5.0
"""How long three signals must agree; longer than any step and than the probes' own time-out."""

FLAT_ALONE_SECONDS = 10.0
"""How long counters must rest when there is no process to look at."""

COMPILING_SECONDS = 300.0
"""How long a busy but fruitless engine may be taken to be compiling; a first CPU batch took 34 s (trace `tp2`)."""

COMPILER_PAUSE_SECONDS = 5.0
"""How long no compiler may run before compiling is over; pauses of 3 s were seen between two (trace `tp2`)."""

BUSY_GRACE_SECONDS = 10.0
"""How long a busy engine may take for one step before that is worth a state of its own."""

FLAT_SCRAPES_TO_REST = 2
"""Scrapes in a row without movement before a serving deployment can be at rest."""

CALM_SECONDS = 2.0
"""How long nothing may move or wait before the deployment is idle again: gauges are sampled between steps and alias."""

QUEUED_SCRAPES = 3
"""How many of the last five scrapes must show a queue before saturation begins, and how many without one end it."""

REFUSED_SECONDS = 5.0
"""How long a refused request keeps the deployment in SATURATED."""

DEGRADED_SECONDS = 30.0
"""How long a failure that is not fatal keeps the deployment in DEGRADED."""


def _not_ready(case: Case) -> Judgement | None:
    """The start-up phases; what follows in the list of rules is about servers that run."""
    if case.facts.startup.ready_at is not None:
        return None
    phase = case.facts.startup.phase
    if phase is not None:
        return Judgement(phase, case.facts.startup.proof)
    if case.facts.preflight:
        return Judgement(LifecycleState.PREFLIGHT, "the launch is being checked")
    return None


def _unreachable(case: Case) -> Judgement | None:
    """Nobody answers, and there is no process whose state could tell more."""
    contact = case.facts.contact
    if case.facts.alive() or contact.failing_since is None:
        return None
    error = contact.health.error if contact.health is not None else "no answer"
    enough = 1 if case.current in (LifecycleState.UNKNOWN, LifecycleState.UNREACHABLE) else sig.UNANSWERED_REQUESTS
    if contact.failures < enough:
        return None
    return Judgement(LifecycleState.UNREACHABLE, f"requests are not answered ({error or 'no answer'})")


def _corrupt(case: Case) -> Judgement | None:
    if case.facts.traffic.corrupted_at is None:
        return None
    return Judgement(LifecycleState.CORRUPT, "the engine counts answers with invalid numbers (NaN) in them")


def _asleep(case: Case) -> Judgement | None:
    if case.facts.sleep is None:
        return None
    return Judgement(
        case.facts.sleep, "the engine sleeps" if case.facts.sleep is LifecycleState.SLEEPING else "the engine wakes up"
    )


def _wedged(case: Case) -> Judgement | None:
    conclusive = next((s for s in case.facts.suspicions if s.conclusive), None)
    return Judgement(LifecycleState.HUNG, conclusive.summary) if conclusive else None


def _paused(case: Case) -> Judgement | None:
    if not case.facts.paused:
        return None
    return Judgement(LifecycleState.PAUSED, "the scheduler is paused: requests are accepted and held")


def _maintained(case: Case) -> Judgement | None:
    if case.facts.maintenance is None:
        return None
    return Judgement(case.facts.maintenance, "the server announced it")


def _blocked(case: Case) -> Judgement | None:
    """STALLED, HUNG, RECOMPILING: no progress although there should be some."""
    present = sig.signals(case.facts, case.now)
    moving = sig.progressing(case.facts, case.now) and Signal.PROCESS_STOPPED not in present
    if moving or not _should_progress(present):
        return None
    if case.has_engine and not present & {Signal.PROCESS_STOPPED, Signal.PROCESSOR_IDLE}:
        return _busy_without_result(case, present)
    quiet = sig.quiet_for(case.facts, case.now)
    reason = f"no progress for {quiet:.1f} s: {', '.join(sorted(present))}"
    if _is_hung(case, present):
        return Judgement(LifecycleState.HUNG, reason)
    if not case.has_engine and len(present) < HUNG_SIGNALS and quiet < FLAT_ALONE_SECONDS:
        return None
    return Judgement(LifecycleState.STALLED, reason)


_WORK = frozenset({Signal.IN_FLIGHT, Signal.CUT_SHORT, Signal.REPORTED_SILENT, Signal.ROUND_TRIP_FAILING})
"""The signals that tell of work that somebody waits for."""


def _should_progress(present: frozenset[Signal]) -> bool:
    """Something is to be done and is not done; a stopped process can do nothing, whatever there is to do."""
    if Signal.PROCESS_STOPPED in present:
        return True
    if Signal.COUNTERS_FLAT in present:
        return bool(present & _WORK)
    return {Signal.UNANSWERED, Signal.PROCESSOR_IDLE} <= present


def _is_hung(case: Case, present: frozenset[Signal]) -> bool:
    """One observation counts once: a stopped process also rests, and work in flight was also cut short."""
    independent = present - {Signal.PROCESSOR_IDLE} if Signal.PROCESS_STOPPED in present else present
    independent = independent - {Signal.CUT_SHORT} if Signal.IN_FLIGHT in present else independent
    return len(independent) >= HUNG_SIGNALS and bool(present & _WORK) and _blocked_for(case) >= HUNG_SECONDS


def _blocked_for(case: Case) -> float:
    """Seconds since progress ended; a process stopped after a long rest has not been blocked for all of it."""
    quiet = sig.quiet_for(case.facts, case.now)
    stopped = [case.now - p.status_since for p in sig.stopped_processes(case.facts)]
    return min(quiet, *stopped) if stopped else quiet


def _busy_without_result(case: Case, present: frozenset[Signal]) -> Judgement | None:
    """The processor is busy: compiling, or one very long step, until that has gone on for too long."""
    quiet = sig.quiet_for(case.facts, case.now)
    if quiet >= COMPILING_SECONDS:
        why = ", ".join(sorted(present))
        return Judgement(LifecycleState.HUNG, f"busy without a result for {quiet:.0f} s: {why}")
    compiled_at = case.facts.compiled_at
    compiling = bool(case.facts.alive(Role.COMPILER)) or (compiled_at is not None and case.now - compiled_at < quiet)
    if not compiling and quiet < BUSY_GRACE_SECONDS:
        return None
    what = "a compiler runs" if compiling else "engine or workers are busy"
    return Judgement(LifecycleState.RECOMPILING, f"no step for {quiet:.1f} s, but {what}")


def _compiling_unseen(case: Case) -> Judgement | None:
    """The first batch of a CPU server compiles while every gauge says zero; only the compilers show it."""
    if not _compiler_seen(case) or sig.progressing(case.facts, case.now):
        return None
    return Judgement(LifecycleState.RECOMPILING, "a compiler runs under the engine and no step is finished")


def _compiler_seen(case: Case) -> bool:
    """Whether a compiler runs or ran a moment ago: there is one for each file, with pauses in between."""
    compilers = [p for p in case.facts.processes.values() if p.role is Role.COMPILER]
    return any(p.gone_at is None or case.now - p.gone_at < COMPILER_PAUSE_SECONDS for p in compilers)


def _degraded(case: Case) -> Judgement | None:
    contact = case.facts.contact
    if contact.health is not None and contact.unhealthy > 1:  # one answer proves nothing
        return Judgement(LifecycleState.DEGRADED, f"/health answers {contact.health.code}")
    recent = [f for f in case.facts.failures if not f.fatal and f.weight > 1 and case.now - f.time < DEGRADED_SECONDS]
    return Judgement(LifecycleState.DEGRADED, recent[-1].cause) if recent else None


def _saturated(case: Case) -> Judgement | None:
    traffic = case.facts.traffic
    refused = traffic.refused_at is not None and case.now - traffic.refused_at < REFUSED_SECONDS
    queued = sum(traffic.queued) >= QUEUED_SCRAPES
    stays = case.current is LifecycleState.SATURATED and any(traffic.queued[-QUEUED_SCRAPES:])
    if not refused and not queued and not stays:
        return None
    waiting = traffic.counted.waiting if traffic.counted is not None else None
    reason = "requests are refused for lack of room" if refused else f"{waiting or 0:.0f} requests wait"
    return Judgement(LifecycleState.SATURATED, reason)


def _serving(case: Case) -> Judgement | None:
    traffic = case.facts.traffic
    if traffic.progress_at is None:
        return None
    resting = case.now - traffic.progress_at >= CALM_SECONDS and traffic.flat_scrapes >= FLAT_SCRAPES_TO_REST
    if resting and not _has_work(case.facts):
        return None
    return Judgement(LifecycleState.SERVING, "step and token counters advance")


def _has_work(facts: Facts) -> bool:
    counted = facts.traffic.counted
    return counted is not None and any((n or 0) > 0 for n in (counted.running, counted.waiting, counted.in_flight))


def _idle(case: Case) -> Judgement | None:
    if case.facts.startup.ready_at is None:
        return None
    return Judgement(LifecycleState.IDLE, "it is ready and nothing is in flight")


RULES = (
    _unreachable,
    _not_ready,
    _corrupt,
    _asleep,
    _wedged,
    _paused,
    _maintained,
    _blocked,
    _compiling_unseen,
    _degraded,
    _saturated,
    _serving,
    _idle,
)
"""In the order in which they are tried."""
