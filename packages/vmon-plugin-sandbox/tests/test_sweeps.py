"""Sweeps: order, budget, and runs that do not come back in time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from vmon_core.dynamic import CodeKind, CodePlugin
from vmon_plugin_sandbox import sweeps
from vmon_plugin_sandbox.registry import Entry
from vmon_plugin_sandbox.sweeps import Job, Sweeper, ordered

if TYPE_CHECKING:
    import pytest


def job(name: str, kind: CodeKind = CodeKind.COLLECTOR, put_off: int = 0) -> Job:
    """A job of a plugin of this name."""
    return Job(Entry(CodePlugin(name=name, kind=kind, code=""), put_off=put_off))


def names(jobs: list[Job]) -> list[str]:
    """Their plugins."""
    return [each.entry.plugin.name for each in jobs]


def test_order() -> None:
    """What was put off comes first, then what protects."""
    jobs = [job("collector"), job("guardrail", CodeKind.GUARDRAIL), job("late", put_off=1)]
    assert names(ordered(jobs)) == ["late", "guardrail", "collector"]


def test_the_budget_ends_a_sweep() -> None:
    """What is left comes back."""
    done: list[str] = []

    def run(each: Job) -> float:
        done.append(each.entry.plugin.name)
        return 0.2

    sweeper = Sweeper(run, 1, 0.5)
    left = sweeper.sweep([job(str(n)) for n in range(5)])
    sweeper.close()
    assert (done, names(left)) == (["0", "1", "2"], ["3", "4"])


def test_one_that_hangs_holds_up_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep ends, and the next one has the other thread."""
    monkeypatch.setattr(sweeps, "PATIENCE", 0.1)
    gate, done = threading.Event(), []

    def run(each: Job) -> float:
        if each.entry.plugin.name == "hangs":
            gate.wait(30)
        done.append(each.entry.plugin.name)
        return 0.0

    sweeper = Sweeper(run, 2, 0.5)
    sweeper.sweep([job("hangs"), job("a")])
    assert sweeper.sweep([job("b")]) == []
    assert done == ["a", "b"]
    gate.set()
    sweeper.close()
    assert done == ["a", "b", "hangs"]
