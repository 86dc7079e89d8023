"""The rules for ends: how it ended, on the way there, and what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.evidence import Role
from vmon_core.lifecycle.case import Case, Judgement, root_cause
from vmon_core.lifecycle.states import LifecycleState

if TYPE_CHECKING:
    from vmon_core.lifecycle.facts import Facts

STOP_SECONDS = 15.0
"""How long a stop may take before it is overdue; vLLM 0.32 needs 0.3 to 5 s, under load up to 7 s (recordings)."""

DRAIN_MARGIN = 10.0
"""Seconds beyond the server's own drain time-out before a drain is overdue; an orderly one took 5 s (`drain_ok`)."""

LEFTOVERS_SECONDS = 15.0
"""How long processes may outlive the main one; workers of vLLM 0.32 were seen to take 14 s (trace `pp2`)."""

STATUS_SECONDS = 0.5
"""How long after its end the main process' exit status is waited for: the process table may be quicker."""

SIGKILL, SIGTERM, SIGINT = 9, 15, 2


def _ended(case: Case) -> Judgement | None:
    if not case.facts.ended or _status_is_due(case):
        return None
    return _leftovers(case) or _verdict(case.facts)


def _status_is_due(case: Case) -> bool:
    """Whether the exit status may still come; it tells an obeyed request from a killed process."""
    ending = case.facts.ending
    if ending.exit is not None or ending.requested_at is None or ending.main_gone_at is None:
        return False
    return case.now - ending.main_gone_at < STATUS_SECONDS


def _leftovers(case: Case) -> Judgement | None:
    found = case.facts.ending.cleanup
    if found is not None:
        held = [f"{len(found.processes)} processes"] if found.processes else []
        held += [f"{len(found.shared_memory)} shared memory segments"] if found.shared_memory else []
        held += ["the port"] if found.port_free is False else []
        held += [f"{found.gpu_bytes} bytes of GPU memory"] if found.gpu_bytes else []
        return Judgement(LifecycleState.LEFTOVERS, f"left behind: {', '.join(held)}") if held else None
    if case.current is LifecycleState.LEFTOVERS:
        return Judgement(case.current, "what was left behind has not been verified to be gone")
    alive = case.facts.alive(Role.API_SERVER, Role.ENGINE_CORE, Role.WORKER, Role.COORDINATOR)
    gone_at = case.facts.ending.main_gone_at
    if not alive or gone_at is None or case.now - gone_at < LEFTOVERS_SECONDS:
        return None
    names = ", ".join(sorted(p.name or str(p.pid) for p in alive))
    return Judgement(
        LifecycleState.LEFTOVERS, f"{case.now - gone_at:.0f} s after the main process ended there are still {names}"
    )


def _verdict(facts: Facts) -> Judgement:
    ending = facts.ending
    how = _how_it_ended(facts)
    if ending.requested_at is not None:
        if facts.startup.ready_at is None and _failed_before(facts, ending.requested_at):
            return Judgement(LifecycleState.FAILED_TO_START, how)
        return _stopped(facts, how)
    if ending.exit is not None and ending.exit.signal in (SIGTERM, SIGINT):
        return Judgement(LifecycleState.STOPPED, f"{how}, sent by somebody else")
    if ending.exit is not None and ending.exit.signal == SIGKILL:
        return Judgement(LifecycleState.KILLED, how)
    if facts.startup.ready_at is None:
        return Judgement(LifecycleState.FAILED_TO_START, _with_cause(facts, how))
    return Judgement(LifecycleState.CRASHED, _with_cause(facts, f"{how}, and nobody had asked it to stop"))


def _stopped(facts: Facts, how: str) -> Judgement:
    if _crashed_before_stop(facts):
        return Judgement(LifecycleState.CRASHED, _with_cause(facts, how))
    if facts.ending.exit is not None and facts.ending.exit.signal == SIGKILL:
        return Judgement(LifecycleState.KILLED, f"{how}: it had not obeyed the request to stop")
    return Judgement(LifecycleState.STOPPED, f"{how} after a request to stop")


def _failed_before(facts: Facts, moment: float) -> bool:
    cause = root_cause(facts)
    return cause is not None and cause.weight > 1 and cause.time < moment


def _crashed_before_stop(facts: Facts) -> bool:
    requested = facts.ending.requested_at
    if requested is None or facts.startup.ready_at is None:
        return False
    return _failed_before(facts, requested) or any(
        p.gone_at is not None and p.gone_at < requested for p in facts.gone(Role.ENGINE_CORE, Role.WORKER)
    )


def _how_it_ended(facts: Facts) -> str:
    exit_ = facts.ending.exit
    if exit_ is None or (exit_.signal is None and exit_.code is None):
        return "the main process ended; its exit status was not seen"
    if exit_.signal is not None:
        return f"the main process was ended by signal {exit_.signal}"
    return f"the main process ended with exit code {exit_.code}"


def _with_cause(facts: Facts, sentence: str) -> str:
    cause = root_cause(facts)
    return f"{sentence}: {cause.cause}" if cause else sentence


def _stopping(case: Case) -> Judgement | None:
    ending = case.facts.ending
    if ending.requested_at is None or _crashed_before_stop(case.facts):
        return None
    took = case.now - ending.requested_at
    limit = STOP_SECONDS
    if ending.draining:
        limit = (ending.drain_timeout or 0.0) + DRAIN_MARGIN
    if took >= limit:
        return Judgement(LifecycleState.STUCK_STOPPING, f"it was asked to stop {took:.0f} s ago and is still there")
    if ending.draining and case.facts.alive(Role.ENGINE_CORE, Role.WORKER, Role.MAIN):
        return Judgement(LifecycleState.DRAINING, "it finishes the requests in flight before it stops")
    return Judgement(LifecycleState.STOPPING, "it was asked to stop")


def _failing(case: Case) -> Judgement | None:
    """A death or a fatal report, while the main process has not ended yet."""
    ready_at = case.facts.startup.ready_at
    cause = root_cause(case.facts)
    if cause is not None and (cause.weight == 1 or (ready_at is not None and cause.time < ready_at)):
        cause = None
    dead = case.facts.gone(Role.ENGINE_CORE, Role.WORKER)
    if cause is None and not dead:
        return None
    reason = f"{cause.process or 'the log'}: {cause.cause}" if cause else f"{dead[0].name} died"
    if ready_at is None:
        return Judgement(LifecycleState.FAILED_TO_START, reason)
    return Judgement(LifecycleState.CRASHED, reason)


RULES = (_ended, _stopping, _failing)
"""In the order in which they are tried."""
