"""Calling implementations one by one: what each gets, and what one that misbehaves costs."""

from __future__ import annotations

import contextlib
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.host import hooks as hooks_module
from vmon_core.host.dispatch import Abandoned, Dispatcher, Implementation
from vmon_core.host.hooks import Hooks
from vmon_core.host.say import nobody
from vmon_core.lifecycle.facts import Facts
from vmon_core.pipeline.window import Window
from vmon_core.records import Finding, Severity, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FINDING = Finding(code="x", severity=Severity.INFO, summary="s", time=0.0)


class UnspeakableError(Exception):
    """An exception whose text fails."""

    def __str__(self) -> str:
        raise ValueError


def implementation(function: Callable[..., Any], *names: str, plugin: str = "p") -> Implementation:
    """An implementation that takes these arguments."""
    return Implementation(plugin, "vmon_x", function, names)


def raises(error: BaseException) -> Callable[[], None]:
    """A function that raises."""

    def function() -> None:
        raise error

    return function


def test_each_gets_the_arguments_that_it_names() -> None:
    """In its own order, whatever the one before it wanted."""
    seen: list[tuple[object, ...]] = []
    wanted = [("a", "b"), ("b", "a"), (), ("b",), ("b", "a")]
    found = [implementation(lambda *given: seen.append(given), *names) for names in wanted]
    Dispatcher(nobody).call_all(found, {"a": 1, "b": 2})
    assert seen == [(1, 2), (2, 1), (), (2,), (2, 1)]
    assert found[1].names is found[4].names, "equal tuples of names are one object"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("broken"), "ValueError: broken"),
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit(), "GeneratorExit: "),
        (UnspeakableError(), "UnspeakableError"),
    ],
)
def test_whatever_is_raised_costs_only_who_raised_it(error: BaseException, text: str) -> None:
    """The next one is called, and the failure is put into words where there are any."""
    called: list[int] = []
    found = [implementation(raises(error)), implementation(lambda: called.append(1))]
    _, failures = Dispatcher(nobody).call_all(found, {})
    assert [f.error for f in failures] == [text]
    assert called == [1]


def test_interrupt_is_the_users() -> None:
    """Ctrl-C ends the main thread's round, and no call counts as in flight after it."""
    dispatcher = Dispatcher(nobody)
    dispatcher.watch()
    with pytest.raises(KeyboardInterrupt):
        dispatcher.call_all([implementation(raises(KeyboardInterrupt()))], {})
    assert dispatcher.abandon(-1.0) is None


def test_interrupt_of_a_plugin_is_a_failure() -> None:
    """In any other thread nobody but the plugin can have raised it: the pipeline must not die of it."""
    answers: list[Any] = []

    def round_() -> None:
        answers.append(Dispatcher(nobody).call_all([implementation(raises(KeyboardInterrupt()))], {}))

    thread = threading.Thread(target=round_)
    thread.start()
    thread.join(5)
    ((_, failures),) = answers
    assert failures[0].error == "KeyboardInterrupt: "


def test_coroutine_is_refused() -> None:
    """A wrapped `async def` that the check cannot see through would never run: it is told instead."""

    async def late() -> None:
        """Never run."""

    _, failures = Dispatcher(nobody).call_all([implementation(lambda: late())], {})  # noqa: PLW0108 (hides the async)
    assert "only vmon_collect may be async" in failures[0].error


def test_generator_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails before it fills the memory."""
    monkeypatch.setattr(hooks_module, "ITEMS_LIMIT", 10)
    found = [implementation(lambda: itertools.repeat(FINDING))]
    hooks = Hooks(lambda hook: found, lambda kind: None, Dispatcher(nobody))
    (finding,) = hooks.analyze(Window(Target(name="t"), Facts()))
    assert (finding.code, "more than 10 items" in finding.summary) == ("vmon.plugin_failed", True)


def test_times_are_counted() -> None:
    """Each call is charged its own time, from the end of the one before it."""
    ticks = itertools.count(0.0, 1.5)
    found = [implementation(lambda: None), implementation(lambda: None)]
    dispatcher = Dispatcher(nobody, clock=lambda: next(ticks))
    for _ in range(2):
        dispatcher.call_all(found, {})
    assert [(i.health.calls, i.health.total_seconds, i.health.worst_seconds) for i in found] == [(2, 3.0, 1.5)] * 2


def test_only_what_is_overdue_is_abandoned() -> None:
    """Nothing when nobody is called, nothing before the deadline; then the one in flight, and its thread ends."""
    now = [0.0]
    dispatcher = Dispatcher(nobody, clock=lambda: now[0])
    dispatcher.watch()
    abandoned: list[Implementation | None] = [dispatcher.abandon(1.0)]

    def slow() -> None:
        for time in (1.0, 1.1, 9.9):
            now[0] = time
            abandoned.append(dispatcher.abandon(1.0))
        assert found.health.stuck

    found = implementation(slow)
    behind = implementation(lambda: pytest.fail("the abandoned thread went on"))
    with pytest.raises(Abandoned):
        dispatcher.call_all([found, behind], {})
    assert abandoned == [None, None, found, None], "nobody is abandoned twice"
    assert not found.health.stuck
    assert found.health.failures == 1


def test_watchdog_that_is_late_by_one_call() -> None:
    """Whoever was called stuck is so no longer, even when the thread was at the next call already."""
    dispatcher = Dispatcher(nobody)
    dispatcher.watch()
    first = implementation(lambda: None)

    def second() -> None:
        dispatcher._here.flight.implementation = first  # what the watchdog read an instant ago
        assert dispatcher.abandon(-1.0) is first

    with pytest.raises(Abandoned):
        dispatcher.call_all([first, implementation(second)], {})
    assert not first.health.stuck


def test_watchdog_that_decides_as_the_last_call_returns() -> None:
    """There is no moment at which a thread is abandoned without ending: two pipelines would run side by side."""
    release, behind = threading.Event(), threading.Event()
    entered = threading.Event()
    ended: list[type[BaseException]] = []

    def clock() -> float:
        if threading.current_thread() is threading.main_thread():  # the watchdog, while it decides
            release.set()
            assert behind.wait(5)
        return 0.0

    def last() -> None:
        entered.set()
        release.wait(30)

    found = implementation(last)

    def row() -> Iterator[Implementation]:
        yield found
        behind.set()

    def work() -> None:
        dispatcher.watch()
        try:
            dispatcher.call_all(row(), {})
        except Abandoned as error:
            ended.append(type(error))

    dispatcher = Dispatcher(nobody, clock=clock)
    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(5)
    assert dispatcher.abandon(-1.0) is found
    thread.join(5)
    assert ended == [Abandoned]
    assert not found.health.stuck


def test_call_inside_a_call_ends_with_it() -> None:
    """A plugin that makes calls itself cannot keep an abandoned thread going, even by catching everything."""
    dispatcher = Dispatcher(nobody)
    dispatcher.watch()

    def outer() -> None:
        with contextlib.suppress(BaseException):
            dispatcher.call_all([implementation(lambda: dispatcher.abandon(-1.0))], {})

    with pytest.raises(Abandoned):
        dispatcher.call_all([implementation(outer)], {})


def test_thread_that_nobody_watches_is_never_abandoned() -> None:
    """What a user's own thread calls, it waits for."""
    dispatcher = Dispatcher(nobody)
    found = implementation(lambda: dispatcher.abandon(-1.0))
    results, failures = dispatcher.call_all([found], {}, lambda value: value)
    assert [r.value for r in results] == [None]
    assert failures == []
