"""What the plugin concludes by itself: each rule, on both sides of its threshold."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from vmon_core.evidence import EngineCounted, FailureSeen, ProcessExited, Role, SuspicionRaised
from vmon_core.lifecycle.facts import Ending, Facts, Process, Startup, Traffic
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.pipeline.window import Window
from vmon_core.records import Finding, Frame, Sample, Severity, Target
from vmon_plugin_vllm.analyze import (
    PREEMPTION_SECONDS,
    PREEMPTIONS_WORTH_TELLING,
    STOP_OVERDUE_SECONDS,
    findings,
)

NOW = 1000.0
SILENT = SuspicionRaised(time=NOW - 1, code="worker.unresponsive", process="EngineCore", summary="No available block")


def window(state: LifecycleState = LifecycleState.SERVING, **facts: Any) -> Window:
    """A window at `NOW`, in a state, with these facts."""
    made = Window(Target(name="t"), Facts(**facts))
    made.now, made.state = NOW, state
    return made


def process(role: Role, name: str, status: str) -> Process:
    """A process that the kernel shows with this letter."""
    return Process(pid=1, parent=1, role=role, name=name, status=status)


def by_code(seen: Window) -> dict[str, Finding]:
    """The findings by their codes."""
    return {finding.code: finding for finding in findings(seen)}


def processes(worker: str = "S", engine: str = "S") -> dict[int, Process]:
    """An engine and its worker, with these letters."""
    return {1: process(Role.ENGINE_CORE, "EngineCore", engine), 2: process(Role.WORKER, "Worker_TP1", worker)}


@pytest.mark.parametrize("state", [s for s in LifecycleState if s is not LifecycleState.HUNG])
def test_nothing_to_say(state: LifecycleState) -> None:
    """Without any facts there is no finding, whatever the state is."""
    assert by_code(window(state)) == {}


@pytest.mark.parametrize(
    ("known", "accused", "code", "entities"),
    [
        (processes(worker="T"), (), "worker.unresponsive", ("Worker_TP1",)),
        (processes(engine="T"), (), "engine.unresponsive", ("EngineCore",)),
        (processes(engine="t", worker="T"), (), "worker.unresponsive", ("EngineCore", "Worker_TP1")),
        (processes(), (SILENT,), "worker.unresponsive", ("EngineCore",)),
        (processes(engine="T"), (SILENT,), "engine.unresponsive", ("EngineCore",)),
        (processes(), (), "engine.unresponsive", ()),
        ({}, (), "engine.unresponsive", ()),
    ],
)
def test_who_is_silent(
    known: dict[int, Process], accused: tuple[SuspicionRaised, ...], code: str, entities: tuple[str, ...]
) -> None:
    """A process that a signal holds is the culprit; without one, whom the log accuses; else the engine."""
    (finding,) = findings(window(LifecycleState.HUNG, processes=known, suspicions=accused))
    assert (finding.code, set(finding.entities), finding.severity) == (code, set(entities), Severity.CRITICAL)


def test_process_that_is_gone_is_not_silent() -> None:
    """Who ended does not answer either, but is not the one to look at."""
    known = processes(worker="T")
    known[2] = attrs.evolve(known[2], gone_at=NOW - 5)
    (finding,) = findings(window(LifecycleState.HUNG, processes=known))
    assert finding.entities == ()


def test_hang_says_how_long_and_why() -> None:
    """The summary counts from the last progress; the log's own words are its evidence."""
    hung = window(LifecycleState.HUNG, traffic=Traffic(progress_at=NOW - 42))
    hung.add(Frame(NOW, (SILENT,)))
    (finding,) = findings(hung)
    assert finding.summary.endswith("no progress for 42 s")
    assert finding.evidence == ("No available block",)
    (never,) = findings(window(LifecycleState.HUNG))
    assert never.summary.endswith("it never has")


@pytest.mark.parametrize(
    ("ending", "overdue"),
    [
        (Ending(requested_at=NOW - STOP_OVERDUE_SECONDS + 0.1), False),
        (Ending(requested_at=NOW - STOP_OVERDUE_SECONDS), True),
        (Ending(requested_at=NOW - STOP_OVERDUE_SECONDS, drain_timeout=60.0), False),
        (Ending(requested_at=NOW - STOP_OVERDUE_SECONDS - 60.0, drain_timeout=60.0), True),
        (Ending(requested_at=0.0, exit=ProcessExited(time=1.0, pid=1, main=True), main_gone_at=1.0), False),
        (Ending(), False),
    ],
)
def test_overdue_stop(ending: Ending, *, overdue: bool) -> None:
    """Only after its own drain time, and only while it is still there."""
    assert ("shutdown.overdue" in by_code(window(LifecycleState.STOPPING, ending=ending))) is overdue


@pytest.mark.parametrize(
    ("state", "late", "stalled"),
    [
        (LifecycleState.LOADING_WEIGHTS, 0.0, True),
        (LifecycleState.LOADING_WEIGHTS, -0.1, False),
        (LifecycleState.SERVING, 9999.0, False),
    ],
)
def test_start_without_a_sign_of_life(state: LifecycleState, late: float, *, stalled: bool) -> None:
    """The phase's own bound counts, from the last sign of life."""
    moved_at = NOW - (LifecycleState.LOADING_WEIGHTS.stall_after or 0.0) - late
    assert ("startup.stalled" in by_code(window(state, startup=Startup(moved_at=moved_at)))) is stalled


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([3.0, 3.0 + PREEMPTIONS_WORTH_TELLING], True),
        ([3.0, 2.0 + PREEMPTIONS_WORTH_TELLING], False),
        ([90.0, float(PREEMPTIONS_WORTH_TELLING)], True),  # the server was restarted in between
        ([90.0], False),
    ],
)
def test_preemptions(values: list[float], *, told: bool) -> None:
    """A few are normal; a single value proves no growth."""
    seen = window()
    for position, value in enumerate(values):
        time = NOW - len(values) + 1 + position
        seen.add(Frame(time, (), (Sample("vllm.requests.preempted", value, time, counter=True),)))
    assert ("kv.preemption" in by_code(seen)) is told


def test_old_preemptions_are_forgotten() -> None:
    """What happened before the window is over."""
    seen = window()
    for time, value in ((NOW - PREEMPTION_SECONDS - 1, 0.0), (NOW - 1, 99.0), (NOW, 99.0)):
        seen.add(Frame(time, (), (Sample("vllm.requests.preempted", value, time, counter=True),)))
    assert "kv.preemption" not in by_code(seen)


@pytest.mark.parametrize(
    ("counted", "blind"),
    [
        (EngineCounted(time=NOW), True),
        (EngineCounted(time=NOW, steps=0), False),
        (EngineCounted(time=NOW, generated=0), False),
        (None, False),
    ],
)
def test_server_without_its_own_series(counted: EngineCounted | None, *, blind: bool) -> None:
    """A zero is a value; only series that are absent make blind."""
    assert ("metrics.missing" in by_code(window(traffic=Traffic(counted=counted)))) is blind


@pytest.mark.parametrize(("fatal", "severity"), [(True, Severity.CRITICAL), (False, Severity.WARNING)])
def test_failures_are_findings(severity: Severity, *, fatal: bool) -> None:
    """A named cause can be asked for by guardrails; an echo of it cannot."""
    root = FailureSeen(
        time=5.0, code="disk.full", cause="no space", process="Worker", weight=3, fatal=fatal, advice="a"
    )
    echo = FailureSeen(time=6.0, code="engine.died", cause="see above", weight=1)
    (finding,) = findings(window(failures=(root, echo)))
    assert (finding.code, finding.severity, finding.summary) == ("disk.full", severity, "no space")
    assert (finding.time, finding.entities, finding.advice) == (5.0, ("Worker",), "a")
