"""The independent signals that a deployment makes no progress.

A verdict of "stalled" needs two of them, "hung" three: any single one has an innocent reading. Counters rest when there
is nothing to do, a probe times out when the machine is busy, a process is stopped by a debugger, a log line about
silence appears in slow loads. See vLLM issues 51663 and 46811 for hangs that one signal misses.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from vmon_core.evidence import Role

if TYPE_CHECKING:
    from vmon_core.lifecycle.facts import Facts, Process

FRESH_SECONDS = 5.0
"""How old a scrape, a probe or a look at the process table may be and still prove something: five default intervals."""

FLAT_SECONDS = 1.5
"""How long counters must rest before that means anything: an engine step of a loaded server takes up to a second."""

FLAT_SCRAPES = 2
"""How many fresh scrapes in a row must show the same counters."""

UNANSWERED_SECONDS = 3.0
"""How long all requests of ours must go unanswered."""

UNANSWERED_REQUESTS = 3
"""How many requests in a row must go unanswered: two time-outs are seen on healthy, starved machines (`overload`)."""


class Signal(StrEnum):
    """What speaks for "no progress"."""

    IN_FLIGHT = "work is in flight"
    CUT_SHORT = "it was serving when a process stopped"
    COUNTERS_FLAT = "step and token counters rest"
    PROCESS_STOPPED = "a process is stopped"
    PROCESSOR_IDLE = "engine and workers use no processor time"
    ROUND_TRIP_FAILING = "requests through the engine get no answer"
    UNANSWERED = "the API server does not answer"
    REPORTED_SILENT = "the log reports a part that does not answer"


def signals(facts: Facts, now: float) -> frozenset[Signal]:
    """Tell which signals of missing progress are present and fresh.

    Args:
        facts: what is known.
        now: the moment to judge, in the time of the evidence.

    Returns:
        The signals; none of them when the evidence is stale.
    """
    present = {
        Signal.IN_FLIGHT: _in_flight(facts, now),
        Signal.CUT_SHORT: _cut_short(facts),
        Signal.COUNTERS_FLAT: counters_flat(facts, now),
        Signal.PROCESS_STOPPED: bool(stopped_processes(facts)),
        Signal.PROCESSOR_IDLE: _processor_idle(facts, now),
        Signal.ROUND_TRIP_FAILING: _round_trip_failing(facts, now),
        Signal.UNANSWERED: unanswered(facts, now),
        Signal.REPORTED_SILENT: bool(facts.suspicions),
    }
    return frozenset(signal for signal, there in present.items() if there)


def quiet_for(facts: Facts, now: float) -> float:
    """Seconds since the counters were last seen to move, or since the start was complete."""
    since = facts.traffic.progress_at
    if since is None:
        since = facts.startup.ready_at
    return now - since if since is not None else 0.0


def progressing(facts: Facts, now: float) -> bool:
    """Whether the counters moved a moment ago: the best sign of life there is."""
    moved = facts.traffic.progress_at
    return moved is not None and now - moved < FLAT_SECONDS and facts.traffic.flat_scrapes < FLAT_SCRAPES


def counters_flat(facts: Facts, now: float) -> bool:
    """Whether several fresh scrapes in a row showed counters at rest."""
    counted = facts.traffic.counted
    if counted is None or (counted.steps is None and counted.generated is None):
        return False
    fresh = now - counted.time <= FRESH_SECONDS
    return fresh and facts.traffic.flat_scrapes >= FLAT_SCRAPES and quiet_for(facts, now) >= FLAT_SECONDS


def _in_flight(facts: Facts, now: float) -> bool:
    counted = facts.traffic.counted
    if counted is None or now - counted.time > FRESH_SECONDS:
        return _round_trip_failing(facts, now)
    return any((n or 0) > 0 for n in (counted.running, counted.waiting, counted.in_flight))


def _cut_short(facts: Facts) -> bool:
    """Whether counters moved until a process was stopped: there is work, even if the gauges froze at zero."""
    moved = facts.traffic.progress_at
    return moved is not None and any(p.status_since - moved <= FRESH_SECONDS for p in stopped_processes(facts))


def stopped_processes(facts: Facts) -> tuple[Process, ...]:
    """The processes that a signal holds and without which nothing is served."""
    vital = (Role.MAIN, Role.API_SERVER, Role.ENGINE_CORE, Role.WORKER)
    return tuple(p for p in facts.alive(*vital) if p.stopped)


def _processor_idle(facts: Facts, now: float) -> bool:
    engine = facts.alive(Role.ENGINE_CORE, Role.WORKER)
    return bool(engine) and all(_idle(p, now) for p in engine)


def _idle(process: Process, now: float) -> bool:
    if process.stopped:
        return True
    if process.sampled_at is None or now - process.sampled_at > FRESH_SECONDS:
        return False
    return process.busy_at is None or now - process.busy_at >= FLAT_SECONDS


def processor_busy(facts: Facts, now: float) -> bool:
    """Whether an engine or a worker used the processor a moment ago."""
    return any(
        p.busy_at is not None and now - p.busy_at < FRESH_SECONDS and not p.stopped
        for p in facts.alive(Role.ENGINE_CORE, Role.WORKER)
    )


def _round_trip_failing(facts: Facts, now: float) -> bool:
    trip, since = facts.contact.trip, facts.contact.trip_failing_since
    return trip is not None and since is not None and now - since >= UNANSWERED_SECONDS


def unanswered(facts: Facts, now: float) -> bool:
    """Whether several requests in a row, over some seconds, met a server that took them and did not answer."""
    contact = facts.contact
    if contact.failing_since is None or contact.health is None or contact.health.error == "refused":
        return False
    return contact.failures >= UNANSWERED_REQUESTS and now - contact.failing_since >= UNANSWERED_SECONDS
