"""The thread of the pipeline: it goes on whatever a turn does, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from vmon_core.host.carrier import WATCH_SECONDS, Carrier
from vmon_core.host.dispatch import Dispatcher, Implementation
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.host.conftest import Listener


class Stuck:
    """An implementation that hangs at its first call until it is let go, and one behind it."""

    def __init__(self) -> None:
        self.release, self.returned, self.went_on = threading.Event(), threading.Event(), threading.Event()
        self.threads: list[threading.Thread] = []
        hang = Implementation("hangs", "vmon_x", self._hang, ())
        self.implementations = [hang, Implementation("good", "vmon_x", self._go_on, ())]

    def _hang(self) -> None:
        self.threads.append(threading.current_thread())
        if len(self.threads) == 1:
            self.release.wait(30)
        else:
            self.returned.set()

    def _go_on(self) -> None:
        self.went_on.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    """Somebody who hangs; let go after the test."""
    made = Stuck()
    yield made
    made.release.set()


def test_stuck_implementation_rests_until_it_returned(stuck: Stuck, listener: Listener) -> None:
    """Others are served by a fresh thread; the old one ends as soon as its call returns, and only then it is asked."""
    dispatcher = Dispatcher(listener.say)
    turns = threading.Semaphore(0)

    def turn() -> None:
        dispatcher.call_all(stuck.implementations, {})
        turns.release()

    carrier = Carrier(turn, dispatcher, say=listener.say, deadline=0.05)
    carrier.start()
    try:
        assert stuck.went_on.wait(5)
        for _ in range(100):
            assert turns.acquire(timeout=5)
        assert len(stuck.threads) == 1, "the stuck one was called again"
        assert stuck.threads[0].is_alive()
        stuck.release.set()
        stuck.threads[0].join(5)
        assert not stuck.threads[0].is_alive()
        assert stuck.returned.wait(5)
        assert stuck.threads[1] is not stuck.threads[0]
    finally:
        stuck.release.set()
        assert carrier.stop()
    assert len([text for text in listener.texts if "has not returned" in text]) == 1


def test_stop_does_not_wait_for_a_stuck_plugin(stuck: Stuck, listener: Listener) -> None:
    """It says that it did not end in time; nobody calls the stuck plugin again, and its thread ends when it returns."""
    dispatcher = Dispatcher(listener.say)

    def turn() -> None:
        dispatcher.call_all(stuck.implementations, {})

    carrier = Carrier(turn, dispatcher, say=listener.say, deadline=60.0)
    carrier.start()
    wait_until(lambda: stuck.threads)
    assert not carrier.stop(timeout=0.05)
    assert stuck.implementations[0].health.stuck
    dispatcher.call_all(stuck.implementations, {})
    assert len(stuck.threads) == 1
    stuck.release.set()
    stuck.threads[0].join(5)
    assert not stuck.threads[0].is_alive()


def test_users_own_thread_is_not_abandoned(stuck: Stuck, listener: Listener) -> None:
    """Who calls a slow plugin beside the pipeline gets the answer, however long it takes; the pipeline goes on."""
    dispatcher = Dispatcher(listener.say)
    turns = threading.Semaphore(0)

    def turn() -> None:
        dispatcher.call_all([Implementation("good", "vmon_x", lambda: None, ())], {})
        turns.release()
        threading.Event().wait(0.001)

    answers: list[object] = []
    carrier = Carrier(turn, dispatcher, say=listener.say, deadline=0.05)
    carrier.start()
    user = threading.Thread(target=lambda: answers.append(dispatcher.call_all(stuck.implementations, {})))
    user.start()
    try:
        wait_until(lambda: stuck.threads)
        end = time.monotonic() + 2.5 * WATCH_SECONDS  # the watchdog has looked twice
        while time.monotonic() < end:
            assert turns.acquire(timeout=5)
    finally:
        stuck.release.set()
        user.join(5)
        assert carrier.stop()
    assert answers == [([], [])]
    assert listener.texts == []


def test_plugin_that_raises_an_interrupt(listener: Listener) -> None:
    """The pipeline's thread survives what only the main thread should ever see."""
    dispatcher = Dispatcher(listener.say)
    turns = threading.Semaphore(0)

    def interrupt() -> None:
        raise KeyboardInterrupt

    def turn() -> None:
        dispatcher.call_all([Implementation("odd", "vmon_x", interrupt, ())], {})
        turns.release()

    carrier = Carrier(turn, dispatcher, say=listener.say)
    carrier.start()
    try:
        assert all(turns.acquire(timeout=5) for _ in range(3))
    finally:
        assert carrier.stop()
