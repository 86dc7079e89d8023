"""What this plugin concludes by itself about a server's life; deeper analysis has a package of its own.

Each rule says what holds now. The host notices what is new and what is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.evidence import Role, SuspicionRaised
from vmon_core.lifecycle.states import LifecycleState, Stage
from vmon_core.records import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.lifecycle.facts import Process
    from vmon_core.pipeline.window import Window

PREEMPTION_SECONDS = 60.0
"""How far back preemptions count, in seconds."""

PREEMPTIONS_WORTH_TELLING = 5
"""Preemptions in that time below which nothing is said: a few are normal (healthy fleets preempt 7 % of requests)."""

STOP_OVERDUE_SECONDS = 10.0
"""How long the server may outlive its own drain time-out, or a request to stop, before that is a finding."""


def findings(window: Window) -> Iterable[Finding]:
    """Tell what holds at this moment."""
    for rule in (_unresponsive, _overdue_stop, _overdue_start, _preemptions, _blind, _failures):
        yield from rule(window)


def _unresponsive(window: Window) -> Iterator[Finding]:
    """Name who is silent: the process that a signal holds, or the one that the log accuses, else the engine."""
    if window.state is not LifecycleState.HUNG:
        return
    stopped = [p for p in window.facts.alive(Role.WORKER, Role.ENGINE_CORE, Role.MAIN) if p.stopped]
    accused = [s for s in window.facts.suspicions if s.code == "worker.unresponsive"]
    code = "worker.unresponsive" if _workers(stopped) or (accused and not stopped) else "engine.unresponsive"
    names = tuple(p.name for p in stopped) or tuple(s.process for s in accused if s.process)
    yield Finding(
        code=code,
        severity=Severity.CRITICAL,
        summary=f"{', '.join(names) or 'the engine'} does not answer: {_quiet(window)}",
        time=window.now,
        entities=names,
        evidence=_evidence(window),
        advice="Capture stacks (py-spy dump) before a restart: it destroys the evidence. /health does not see this.",
    )


def _quiet(window: Window) -> str:
    moved = window.facts.traffic.progress_at
    return f"no progress for {window.now - moved:.0f} s" if moved is not None else "it never has"


def _workers(stopped: list[Process]) -> bool:
    return any(p.role is Role.WORKER for p in stopped)


def _evidence(window: Window) -> tuple[str, ...]:
    lines = [e.summary for e in window.evidence(SuspicionRaised) if e.summary]
    return tuple(lines[-3:])


def _overdue_stop(window: Window) -> Iterator[Finding]:
    ending = window.facts.ending
    if ending.requested_at is None or window.facts.ended:
        return
    overdue = window.now - ending.requested_at - (ending.drain_timeout or 0.0)
    if overdue < STOP_OVERDUE_SECONDS:
        return
    yield Finding(
        code="shutdown.overdue",
        severity=Severity.ERROR,
        summary=f"the server was asked to stop {window.now - ending.requested_at:.0f} s ago and is still there",
        time=window.now,
        advice="A starting vLLM loses the first SIGTERM, and one that waits for clients never ends: "
        "send SIGTERM again, then SIGKILL to its session.",
    )


def _overdue_start(window: Window) -> Iterator[Finding]:
    bound, moved = window.state.stall_after, window.facts.startup.moved_at
    if window.state.stage is not Stage.STARTUP or bound is None or moved is None or window.now - moved < bound:
        return
    yield Finding(
        code="startup.stalled",
        severity=Severity.WARNING,
        summary=f"{window.state} shows no sign of life since {window.now - moved:.0f} s (bound {bound:.0f} s)",
        time=window.now,
        advice="Look at disk and network throughput for a download or a slow filesystem, and at the workers' stacks.",
    )


def _preemptions(window: Window) -> Iterator[Finding]:
    count = window.increase("vllm.requests.preempted", PREEMPTION_SECONDS)
    if count is None or count < PREEMPTIONS_WORTH_TELLING:
        return
    yield Finding(
        code="kv.preemption",
        severity=Severity.WARNING,
        summary=f"{count:.0f} preemptions in {PREEMPTION_SECONDS:.0f} s: the KV cache is too small",
        time=window.now,
        advice="Lower --max-num-seqs, or give the KV cache more room (--gpu-memory-utilization, more GPUs).",
    )


def _blind(window: Window) -> Iterator[Finding]:
    """A server without vLLM's own series cannot be judged by progress; say so instead of showing zeros."""
    counted = window.facts.traffic.counted
    if counted is None or counted.steps is not None or counted.generated is not None:
        return
    yield Finding(
        code="metrics.missing",
        severity=Severity.WARNING,
        summary="the server offers no vLLM metrics: progress cannot be told from rest",
        time=window.now,
        advice="Start it without --disable-log-stats.",
    )


def _failures(window: Window) -> Iterator[Finding]:
    """Each named root cause is a finding as well, so that guardrails can ask for its code."""
    for failure in window.facts.failures:
        if failure.weight > 1:
            yield Finding(
                code=failure.code,
                severity=Severity.CRITICAL if failure.fatal else Severity.WARNING,
                summary=failure.cause,
                time=failure.time,
                entities=(failure.process,) if failure.process else (),
                advice=failure.advice,
            )
