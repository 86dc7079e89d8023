"""Collectors: each on its own schedule, in its own thread, with a deadline."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.host import scheduler as scheduler_module
from vmon_core.host.dispatch import Implementation
from vmon_core.host.scheduler import Scheduler
from vmon_core.plugin import every
from vmon_core.records import Frame, Sample, Target, Tick
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.host.conftest import Listener

SAMPLE = Sample("x", 1.0, 0.0)


@attrs.define
class Clock:
    """A clock that is set by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Bench:
    """A scheduler of some functions, with a clock and a sink."""

    def __init__(self, listener: Listener) -> None:
        self.clock = Clock()
        self.frames: queue.Queue[Frame] = queue.Queue()
        self.listener = listener
        self.scheduler: Scheduler | None = None
        self.implementations: list[Implementation] = []

    def schedule(self, *functions: Callable[..., Any]) -> Scheduler:
        """Schedule these functions."""
        self.implementations = [Implementation(f.__name__, "vmon_collect", f, ("tick",)) for f in functions]
        self.scheduler = Scheduler(
            self.implementations,
            lambda: Tick(self.clock.now, Target(name="t")),
            self.frames.put,
            self.listener.say,
            clock=self.clock,
        )
        return self.scheduler

    def run_until_failed(self, times: int, now: float) -> None:
        """Set the clock, and run what is due until the first collector has failed this often."""
        self.clock.now = now

        def failed() -> bool:
            assert self.scheduler is not None
            self.scheduler.run_due(now)
            return self.implementations[0].health.failures == times

        wait_until(failed)

    def frame(self) -> Frame:
        """The next frame that comes."""
        return self.frames.get(timeout=5)


@pytest.fixture
def bench(listener: Listener) -> Iterator[Bench]:
    """A bench; its threads are ended after the test."""
    made = Bench(listener)
    yield made
    if made.scheduler is not None:
        made.scheduler.stop(5)


def test_runs_when_due_and_not_before(bench: Bench) -> None:
    """The interval counts from one start to the next."""

    @every("10s")
    def collect(tick: Tick) -> list[Sample]:
        return [SAMPLE]

    scheduler = bench.schedule(collect)
    scheduler.run_due(100.0)
    assert bench.frame().samples == (SAMPLE,)
    wait_until(lambda: scheduler.next_due(100.0) == 110.0)
    scheduler.run_due(105.0)
    assert bench.frames.empty()
    bench.clock.now = 110.0
    scheduler.run_due(110.0)
    bench.frame()


def test_urge_makes_everything_due(bench: Bench) -> None:
    """A suspicion of the lifecycle does not wait for the schedule."""

    @every("10s")
    def collect(tick: Tick) -> list[Sample]:
        return [SAMPLE]

    scheduler = bench.schedule(collect)
    scheduler.run_due(100.0)
    bench.frame()
    wait_until(lambda: scheduler.next_due(100.0) == 110.0)
    scheduler.urge()
    scheduler.run_due(101.0)
    bench.frame()


def test_hanging_collector_keeps_nobody_waiting(bench: Bench) -> None:
    """It is reported once, its late result is dropped, and it is called again after it came back."""
    release, calls = threading.Event(), queue.Queue[int]()

    @every("1s", timeout="2s")
    def hang(tick: Tick) -> list[Sample]:
        calls.put(1)
        release.wait(30)
        return [SAMPLE]

    @every("1s")
    def good(tick: Tick) -> list[Sample]:
        return [SAMPLE]

    scheduler = bench.schedule(hang, good)
    scheduler.run_due(100.0)
    calls.get(timeout=5)
    bench.frame()
    for now in (103.0, 104.0):
        bench.clock.now = now
        scheduler.run_due(now)
    bench.frame()
    assert [t for t in bench.listener.texts if "has not returned" in t] == [
        "hang: a collector has not returned for 3.0 s; it is not called again until it does"
    ]
    release.set()
    health = bench.implementations[0].health
    wait_until(lambda: not health.stuck)
    bench.clock.now = 200.0

    def called_again() -> bool:
        scheduler.run_due(200.0)
        return not calls.empty()

    wait_until(called_again)


@pytest.mark.parametrize("rubbish", [lambda: [1], lambda: 5, lambda: (_ for _ in ["text"])])
def test_rubbish_fails_only_its_collector(bench: Bench, rubbish: Callable[[], Any]) -> None:
    """What is no sample and no evidence is refused, and told."""

    def collect(tick: Tick) -> Any:
        return rubbish()

    bench.schedule(collect).run_due(100.0)
    wait_until(lambda: bench.implementations[0].health.failures)
    assert "vmon_collect failed: TypeError" in bench.listener.texts[0]
    assert bench.frames.empty()


def test_late_and_failing_counts_once(bench: Bench) -> None:
    """One call is one failure, even when it first overruns its deadline and then raises."""
    release, entered = threading.Event(), threading.Event()

    @every("1s", timeout="2s")
    def collect(tick: Tick) -> None:
        entered.set()
        release.wait(30)
        raise ValueError

    scheduler = bench.schedule(collect)
    scheduler.run_due(100.0)
    assert entered.wait(5)
    bench.clock.now = 103.0
    scheduler.run_due(103.0)
    release.set()
    health = bench.implementations[0].health
    wait_until(lambda: not health.stuck)
    assert (health.calls, health.failures) == (1, 1)
    assert len(bench.listener.texts) == 1


def test_collector_that_exits(bench: Bench) -> None:
    """SystemExit in a plugin's thread is a failure of that plugin."""

    def collect(tick: Tick) -> None:
        raise SystemExit(2)

    bench.schedule(collect).run_due(100.0)
    wait_until(lambda: bench.implementations[0].health.failures)


def test_async_collector(bench: Bench) -> None:
    """`async def` works; one that never finishes is cancelled at its deadline."""
    cancelled = threading.Event()

    async def quick(tick: Tick) -> list[Sample]:
        await asyncio.sleep(0)
        return [SAMPLE]

    @every("1s", timeout="50ms")
    async def endless(tick: Tick) -> list[Sample]:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return []

    bench.schedule(quick, endless).run_due(100.0)
    assert bench.frame().samples == (SAMPLE,)
    assert cancelled.wait(5)
    wait_until(lambda: bench.implementations[1].health.failures)


def test_collector_without_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that never ends is cut off before it fills the memory."""
    monkeypatch.setattr(scheduler_module, "ITEMS_LIMIT", 10)

    def collect(tick: Tick) -> Iterator[Sample]:
        return itertools.repeat(SAMPLE)

    bench.schedule(collect).run_due(100.0)
    wait_until(lambda: bench.implementations[0].health.failures)
    assert "more than 10 items" in bench.listener.texts[0]


def test_exception_without_words(bench: Bench) -> None:
    """An exception that cannot be put into words is a failure like any other; the collector is asked again."""

    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise ValueError

    def collect(tick: Tick) -> None:
        raise UnspeakableError

    bench.schedule(collect)
    bench.run_until_failed(1, now=100.0)
    bench.run_until_failed(2, now=200.0)
    assert bench.listener.texts == ["collect: vmon_collect failed: UnspeakableError"]


def test_failing_again_and_again_is_paused(bench: Bench) -> None:
    """After three failures the pause counts, not the schedule."""

    @every("1ms")
    def collect(tick: Tick) -> None:
        raise ValueError

    scheduler = bench.schedule(collect)
    health = bench.implementations[0].health
    for count in (1, 2, 3):
        bench.run_until_failed(count, now=100.0 + count)
    wait_until(lambda: scheduler.next_due(103.5) == 104.0)
    scheduler.run_due(103.5)
    assert health.failures == 3
    bench.run_until_failed(4, now=104.0)


def test_blocked_event_loop_does_not_keep_the_end(listener: Listener) -> None:
    """A coroutine that blocks, as none should, delays the stop by its time-out and no longer."""
    release, entered = threading.Event(), threading.Event()

    async def blocks(tick: Tick) -> list[Sample]:
        entered.set()
        release.wait(30)
        return []

    bench = Bench(listener)
    scheduler = bench.schedule(blocks)
    scheduler.run_due(100.0)
    assert entered.wait(5)
    before = time.monotonic()
    scheduler.stop(0.1)
    assert time.monotonic() - before < 5
    release.set()
    for thread in threading.enumerate():
        if thread.name == "vmon-asyncio":
            thread.join(5)
            assert not thread.is_alive()


def test_scheduler_that_cannot_start_a_call_goes_on(bench: Bench) -> None:
    """When a system has no more threads, the next collector is started when it has some again."""

    def collect(tick: Tick) -> list[Sample]:
        return [Sample("a.b", 1.0, tick.time)]

    scheduler, failing = bench.schedule(collect), threading.Event()
    real = scheduler.run_due

    def run_due(now: float) -> None:
        if not failing.is_set():
            failing.set()
            msg = "can't start new thread"
            raise RuntimeError(msg)
        real(now)

    scheduler.run_due = run_due  # type: ignore[method-assign]
    scheduler.start()
    assert bench.frame().samples[0].value == 1.0
    assert "scheduler: collectors could not be started: RuntimeError: can't start new thread" in bench.listener.texts
