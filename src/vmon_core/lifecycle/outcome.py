"""How a deployment's life went: the last line of a report, and what an exit code says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import FailureCategory, Role
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
        cause: what the log says, or what was seen of its end.
        restart_helps: whether the same command may work when tried again.
        advice: what to do.
        category: what has to change.
        explanation: the real cause as one sentence, "" where nobody knows more than `cause`.
        again: when the same command may work, "" when it will not, or nobody knows when.
        remedies: kinds of interventions that can help, gentle ones first; none when only a person can.
    """

    code: str
    phase: LifecycleState
    cause: str
    restart_helps: bool
    advice: str = ""
    category: FailureCategory = FailureCategory.UNKNOWN
    explanation: str = ""
    again: str = ""
    remedies: tuple[str, ...] = ()

    @property
    def restart_advice(self) -> str:
        """Whether the same command is worth another try, and when, as a sentence."""
        if not self.restart_helps:
            return f"Trying the same command again will not help: {_CHANGES[self.category]}."
        return f"Trying the same command again may help{self.again and ' '}{self.again}."


_CHANGES = {
    FailureCategory.CONFIG: "the command, the environment or the model has to change",
    FailureCategory.CAPACITY: "it must ask for less, or be given more",
    FailureCategory.TRANSIENT: "something else has to change first",
    FailureCategory.HARDWARE: "a device has to be looked after",
    FailureCategory.BUG: "it is a defect of the software",
    FailureCategory.UNKNOWN: "nothing says that it would end otherwise",
}


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
    told = {field.name: getattr(cause, field.name) for field in attrs.fields(Failure) if field.name != "phase"}
    return Failure(**told, phase=bad.origin)


def _unexplained(facts: Facts, bad: Change) -> Failure:
    code = _code_without_cause(facts)
    return Failure(
        code=code,
        phase=bad.origin,
        cause=bad.reason,
        restart_helps=True,
        advice=_ADVICE[code],
        category=FailureCategory.TRANSIENT if code in _DEATHS else FailureCategory.UNKNOWN,
        again=_KILLED if code in _DEATHS else "",
    )


_DEATHS = frozenset({"process.killed", "worker.died", "engine.died"})
"""What happens to a server from outside, as far as anybody can tell."""

_KILLED = "when it was killed and not led to its end by its own work"
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
