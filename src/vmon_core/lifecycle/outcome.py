"""How a deployment's life went: the last line of a report, and what an exit code says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import Role
from vmon_core.lifecycle.case import root_cause
from vmon_core.lifecycle.ending import SIGKILL
from vmon_core.lifecycle.states import LifecycleState, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.lifecycle.facts import Facts
    from vmon_core.records import Change


@attrs.frozen(kw_only=True)
class Failure:
    """Why it failed.

    Attributes:
        code: a stable code such as `memory.kv_cache_too_small`.
        phase: the state in which it failed.
        cause: one sentence.
        restart_helps: whether the same command may work when tried again.
        advice: what to do.
    """

    code: str
    phase: LifecycleState
    cause: str
    restart_helps: bool
    advice: str = ""


_FAILED = frozenset({LifecycleState.FAILED_TO_START, LifecycleState.CRASHED})


def failure(facts: Facts, changes: Iterable[Change]) -> Failure | None:
    """Name the root cause of a life that ended badly.

    Args:
        facts: what is known.
        changes: all transitions, oldest first.

    Returns:
        The failure; None when it ended well, has not ended, or was killed on request.
    """
    bad = next((c for c in changes if c.state in _FAILED or c.state is LifecycleState.KILLED), None)
    if bad is None or (bad.state is LifecycleState.KILLED and facts.stopping):
        return None
    cause = root_cause(facts)
    if bad.state is LifecycleState.KILLED or cause is None:
        return _unexplained(facts, bad)
    return Failure(
        code=cause.code, phase=bad.origin, cause=cause.cause, restart_helps=cause.restart_helps, advice=cause.advice
    )


def _unexplained(facts: Facts, bad: Change) -> Failure:
    code = _code_without_cause(facts)
    return Failure(code=code, phase=bad.origin, cause=bad.reason, restart_helps=True, advice=_ADVICE[code])


_SILENT_DEATH = "Look for an out-of-memory kill (dmesg, cgroup memory.events) and for GPU errors (Xid) at that time."

_ADVICE = {
    "process.killed": "Look for the sender: an operator, or the kernel's out-of-memory killer (dmesg, memory.events).",
    "worker.died": _SILENT_DEATH,
    "engine.died": _SILENT_DEATH,
    "process.exited": "Read the last lines of the server's log.",
}


def _code_without_cause(facts: Facts) -> str:
    """Name a failure that no log line explains by the first process that died."""
    if facts.ending.exit is not None and facts.ending.exit.signal == SIGKILL:
        return "process.killed"
    first = min(facts.gone(Role.ENGINE_CORE, Role.WORKER), key=lambda p: p.gone_at or 0.0, default=None)
    if first is None or (facts.ending.main_gone_at or first.gone_at or 0.0) < (first.gone_at or 0.0):
        return "process.exited"
    return "worker.died" if first.role is Role.WORKER else "engine.died"


def leftovers(facts: Facts) -> tuple[str, ...]:
    """Name what was left behind, as far as it is known."""
    found = facts.ending.cleanup
    if found is not None:
        names = [_name(facts, pid) for pid in found.processes]
        names += found.shared_memory
        names += ["port"] if found.port_free is False else []
        names += [f"{found.gpu_bytes} bytes of GPU memory"] if found.gpu_bytes else []
        return tuple(names)
    if not facts.ended:
        return ()
    return tuple(sorted(_name(facts, p.pid) for p in facts.alive() if p.role is not Role.COMPILER))


def _name(facts: Facts, pid: int) -> str:
    process = facts.processes.get(pid)
    return f"{process.name} (pid {pid})" if process is not None and process.name else f"pid {pid}"


def went_well(state: LifecycleState) -> bool | None:
    """Whether a final state is a good end; None while the life goes on."""
    return state is LifecycleState.STOPPED if state.stage is Stage.ENDED else None
