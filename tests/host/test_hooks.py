"""Calling plugins: whatever one of them does, the others are heard and the monitor goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.host.carrier import Carrier
from vmon_core.lifecycle.facts import Facts
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.pipeline.window import Window
from vmon_core.plugin import PluginInfo, Risk, hookimpl
from vmon_core.records import Action, Checkpoint, Finding, Outcome, OutcomeStatus, Ruling, Severity, Target, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.host.conftest import Listener

    from vmon_core.host.plugin_host import PluginHost

WINDOW = Window(Target(name="t"), Facts())
ACTION = Action(id="1", kind="restart", target="t", reason="r", policy="p", time=0.0)
CHECKPOINT = Checkpoint(id="1", time=0.0, target="t", state=LifecycleState.HUNG, transition=StateTransition.STALL)
FINDING = Finding(code="x", severity=Severity.INFO, summary="s", time=0.0)


class Analyzer:
    """A plugin whose analysis is whatever a test wants."""

    def __init__(self, name: str, analyze: Callable[[], Any]) -> None:
        self._name = name
        self._analyze = analyze

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name=self._name, version="1.0")

    @hookimpl
    def vmon_analyze(self, window: Window) -> Any:
        """Do what the test wants."""
        return self._analyze()


class Guard:
    """A plugin that reviews and intervenes as a test wants."""

    def __init__(self, review: Callable[[], Any], intervene: Callable[[], Any]) -> None:
        self._review, self._intervene = review, intervene

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="guard", version="1.0", actions={"restart": Risk.INTERRUPTS})

    @hookimpl
    def vmon_review(self, action: Action) -> Any:
        """Do what the test wants."""
        return self._review()

    @hookimpl
    def vmon_intervene(self, action: Action) -> Any:
        """Do what the test wants."""
        return self._intervene()


def failing() -> None:
    """Fail."""
    msg = "broken"
    raise ValueError(msg)


def exiting() -> None:
    """Exit."""
    raise SystemExit(1)


def lazily() -> Iterator[Finding]:
    """Fail in the middle, after the call has returned."""
    yield FINDING
    failing()


@pytest.mark.parametrize("broken", [failing, exiting, lazily, lambda: 5, lambda: ["text"]])
def test_broken_analyzer_costs_only_itself(host: PluginHost, broken: Callable[[], Any]) -> None:
    """Its failure is a finding, and the analyzer behind it is heard."""
    host.register(Analyzer("broken", broken))
    host.register(Analyzer("good", lambda: [FINDING]))
    found = host.hooks.analyze(WINDOW)
    assert [(f.code, f.source) for f in found] == [("x", "good"), ("vmon.plugin_failed", "vmon")]
    assert found[1].entities == ("broken",)


def test_failing_again_and_again_is_left_alone(host: PluginHost, listener: Listener) -> None:
    """After three failures in a row the plugin is paused, and that is told."""
    calls: list[int] = []

    def count() -> None:
        calls.append(1)
        failing()

    host.register(Analyzer("broken", count))
    for _ in range(10):
        host.hooks.analyze(WINDOW)
    assert len(calls) == 3
    assert "left alone" in listener.texts[-1]
    assert host.plugins[0].describe()["quarantined"]


def test_review_that_fails_denies(host: PluginHost) -> None:
    """Who cannot be asked, refuses; who is paused after failing refuses as well."""
    host.register(Guard(failing, failing))
    for _ in range(5):
        (verdict,) = host.hooks.review(ACTION, CHECKPOINT)
        assert (verdict.ruling, verdict.by) == (Ruling.DENY, "guard")


def test_review_is_signed_and_may_abstain(host: PluginHost) -> None:
    """A verdict carries its reviewer's name; None is no verdict."""
    answers = iter([Verdict(ruling=Ruling.HOLD, reason="wait"), None])
    host.register(Guard(lambda: next(answers), failing))
    assert [v.by for v in host.hooks.review(ACTION, CHECKPOINT)] == ["guard"]
    assert host.hooks.review(ACTION, CHECKPOINT) == []


def test_intervention_goes_to_its_owner(host: PluginHost) -> None:
    """The one owner carries it out; without one, or when it fails, the outcome says so."""
    assert "no plugin carries out" in host.hooks.intervene(ACTION).detail
    done = Outcome(action="1", status=OutcomeStatus.DONE, detail="d", time=0.0)
    outcomes = [done]
    host.register(Guard(lambda: None, outcomes.pop))
    assert host.hooks.intervene(ACTION) is done
    failed = host.hooks.intervene(ACTION)
    assert (failed.status, failed.detail) == (OutcomeStatus.FAILED, "IndexError: pop from empty list")


def test_hanging_analyzer_costs_one_turn(host: PluginHost, listener: Listener) -> None:
    """A carrier goes on in a fresh thread; the stuck plugin is asked again only after it returned."""
    release, entered, good, again = (threading.Event() for _ in range(4))
    threads = set()

    def hang() -> list[Finding]:
        if entered.is_set():
            again.set()
        entered.set()
        release.wait(30)
        return []

    def note() -> list[Finding]:
        threads.add(threading.get_ident())
        good.set()
        return []

    def turn() -> None:
        host.hooks.analyze(WINDOW)

    host.register(Analyzer("hangs", hang))
    host.register(Analyzer("good", note))
    carrier = Carrier(turn, host.dispatcher, say=listener.say, deadline=0.1)
    carrier.start()
    try:
        assert entered.wait(5)
        assert good.wait(5)
        assert host.plugins[0].describe()["stuck"]
        assert any("has not returned" in text for text in listener.texts)
        release.set()
        assert again.wait(5)
    finally:
        release.set()
        assert carrier.stop()
    assert len(threads) == 1


def test_turn_that_fails_does_not_end_the_carrier(host: PluginHost, listener: Listener) -> None:
    """A defect of our own is told, and the next turn comes."""
    second = threading.Event()
    turns: list[int] = []

    def turn() -> None:
        turns.append(1)
        if len(turns) > 1:
            second.set()
        failing()

    carrier = Carrier(turn, host.dispatcher, say=listener.say)
    carrier.start()
    assert second.wait(5)
    assert carrier.stop()
    assert "a turn failed: ValueError: broken" in listener.texts[0]
