"""Makes an attempt and judges it: by what it got, by what it did around it, and by what is left afterwards."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs

from vmon_plugin_sandbox.engine import Attributes, Engine, SandboxError
from vmon_plugin_sandbox.escapes.corpus import Attempt
from vmon_plugin_sandbox.escapes.surroundings import MARKERS, SECRET

if TYPE_CHECKING:
    from vmon_plugin_sandbox.escapes.surroundings import State, Surroundings

SECONDS = 2.0
"""How long an attempt may take until it is stopped and another run can begin."""

GROWTH = 64 << 20
"""Bytes by which the host's memory may grow at its peak."""

AGAIN = 2
"""How often the real sandbox gets another try when it was only slow."""

_SLOW = "stopped after"

BENIGN = "return checkpoint.metrics.get('gpu_temp', 0) > 80 and get_metric('gpu_temp') > 80"


@attrs.frozen
class Outcome:
    """What the code's author gets to see.

    Attributes:
        ended: how it ended: `returned`, or the kind of problem.
        seen: everything that he gets, as text.
    """

    ended: str
    seen: str


class Sandbox(Protocol):
    """Runs code; raises nothing of the code's."""

    def __call__(self, code: str, around: Surroundings) -> Outcome:
        """Run a piece of code with the checkpoint and `get_metric`."""


@attrs.frozen
class Verdict:
    """How an attempt went.

    Attributes:
        attempt: which one.
        ended: how its code ended.
        failures: what it got through with; empty when the sandbox held.
        seconds: how long it took until it was stopped.
    """

    attempt: Attempt
    ended: str
    failures: tuple[str, ...]
    seconds: float


def judge(attempt: Attempt, sandbox: Sandbox, around: Surroundings, *, again: int = 0) -> Verdict:
    """Make an attempt.

    Args:
        attempt: which.
        sandbox: where it is made.
        around: the canaries.
        again: how often one that was only slow is made anew: on a machine that others keep busy, even what is stopped
            at once is seen late.
    """
    verdict = _once(attempt, sandbox, around)
    while again and verdict.failures and all(failure.startswith(_SLOW) for failure in verdict.failures):
        again -= 1
        verdict = _once(attempt, sandbox, around)
    return verdict


def _once(attempt: Attempt, sandbox: Sandbox, around: Surroundings) -> Verdict:
    before, memory = around.state(), _forget_peak()
    around.calls()
    began = time.perf_counter()
    try:
        outcome = sandbox(around.code(attempt), around)
        seconds = time.perf_counter() - began
        benign = sandbox(BENIGN, around)
    except BaseException as error:  # noqa: BLE001 (that one reached the host is what is judged)
        return Verdict(attempt, "raised", (f"the host got {error!r:.200}",), time.perf_counter() - began)
    failures = [
        *_leaks(outcome.seen),
        *_changes(before, around.state()),
        *([f"{calls} connections"] if (calls := around.calls()) else []),
        *([f"{growth >> 20} MB more memory"] if (growth := _peak() - memory) > GROWTH else []),
        *([f"{_SLOW} {seconds:.1f} s"] if seconds > SECONDS else []),
        *([f"then a benign run {benign.ended}: {benign.seen:.100}"] if benign != Outcome("returned", "True") else []),
    ]
    return Verdict(attempt, outcome.ended, tuple(failures), seconds)


class EngineSandbox:
    """The real one.

    Args:
        engine: what runs the code.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, code: str, around: Surroundings) -> Outcome:
        """Check it as well, since a check is what code meets first."""
        host = around.checkpoint
        inputs = {"checkpoint": Attributes("Checkpoint", {"metrics": host.metrics, "server": host.server})}
        functions = {"get_metric": around.get_metric}
        checked = "" if code == BENIGN else repr(self._engine.check(code, "checkpoint: object"))
        try:
            ran = self._engine.run(code, inputs, functions)
        except SandboxError as error:
            return Outcome(error.problem.code, f"{checked} {error} {error.problem} {error.__cause__!r}")
        return Outcome("returned", f"{checked}{ran.printed}{ran.value!r}")


def _leaks(seen: str) -> list[str]:
    leaked = [f"leaked {SECRET}"] if SECRET in seen else []
    return leaked + [f"got {marker}" for marker in MARKERS if f"'{marker}" in seen]


def _changes(before: State, after: State) -> list[str]:
    names = [field.name for field in attrs.fields(type(before))]
    return [
        f"{name} changed: {getattr(before, name)!s:.200} -> {getattr(after, name)!s:.200}"
        for name in names
        if getattr(before, name) != getattr(after, name)
    ]


def _forget_peak() -> int:
    """Begin to measure the peak of this process's memory anew; returns what it uses now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _peak()


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
