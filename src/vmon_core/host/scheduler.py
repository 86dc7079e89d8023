"""Run collectors: each on its own schedule, in threads of its own, with a deadline."""

from __future__ import annotations

import inspect
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.evidence import Evidence
from vmon_core.host.dispatch import Implementation
from vmon_core.host.failures import EndedError, describe
from vmon_core.host.sound import sound
from vmon_core.plugin import Schedule
from vmon_core.records import Frame, Sample, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from concurrent.futures import Future

    from vmon_core.host.say import Say
    from vmon_core.records import Tick

DEFAULT = Schedule(interval=5.0, timeout=2.0)
"""For implementations without `@every`, in seconds."""

ITEMS_LIMIT = 100_000
"""The most samples and observations of one call; a machine with eight GPUs and a large model gives some thousand."""


SHORTEST_WAIT = 0.001
"""Seconds between two looks for collectors that are due: that is how exactly their times are kept."""

LONGEST_WAIT = 1.0
"""Seconds between two looks when nothing is due: the clock may be set, and a pause may end before its time."""


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@attrs.define(eq=False)
class _Job:
    """One collector: what to call, when it is due, and the call that is going on."""

    implementation: Implementation
    schedule: Schedule
    due: float = 0.0
    started: float | None = None
    late: bool = False
    held: bool = False
    ended: bool = False
    idle: threading.Event = attrs.field(factory=_set_event)
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    wake: threading.Event = attrs.field(factory=threading.Event)
    thread: threading.Thread | None = None

    def end(self) -> None:
        """Have the thread end after the call that is going on."""
        self.ended = True
        self.wake.set()


class Scheduler:
    """Calls `vmon_collect` implementations when they are due.

    Each one has a thread, so that one that hangs keeps nobody else waiting; one more thread starts them, so that nobody
    waits for the pipeline either. The threads are daemons and end with the process.

    Args:
        implementations: the collectors.
        make_tick: makes the tick for a call.
        sink: takes the frames, from any thread.
        say: is told of failures.
        clock: tells the time in Unix seconds.
    """

    def __init__(
        self,
        implementations: Iterable[Implementation],
        make_tick: Callable[[], Tick],
        sink: Callable[[Frame], None],
        say: Say,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = [_Job(i, _schedule(i)) for i in implementations]
        self._changing = threading.Lock()
        self._make_tick = make_tick
        self._sink = sink
        self._say = say
        self._clock = clock
        self._asyncio = _AsyncLoop()
        self._stopping, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="vmon-scheduler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            now = self._clock()
            try:
                self.run_due(now)
            except Exception as error:  # noqa: BLE001 (out of threads, or a defect of ours; the other collectors go on)
                self._say(Severity.CRITICAL, "scheduler", f"collectors could not be started: {describe(error)}")
                self._stopping.wait(LONGEST_WAIT)
            self._woken.wait(min(max(self.next_due(now) - now, SHORTEST_WAIT), LONGEST_WAIT))

    def run_due(self, now: float) -> None:
        """Start every collector whose time has come, and look after those that overrun."""
        for job in self._jobs:
            if job.started is not None:
                self._look_after(job, now)
            elif now >= job.due and job.implementation.health.may_run(now):
                with self._changing:  # it may be held or ended at this very moment
                    if not (job.held or job.ended):
                        self._begin(job, now)

    def next_due(self, now: float) -> float:
        """When to look again: when the next collector is due, or the deadline of one that is at work is over."""
        times = [self._next(job, now) for job in self._jobs]
        return min(times, default=now + DEFAULT.interval)

    def urge(self) -> None:
        """Make everything due now: the lifecycle wants a fresh look."""
        for job in self._jobs:
            job.due = 0.0
        self._woken.set()

    def hold(self, plugins: Collection[str]) -> None:
        """Begin no more calls of these plugins, and wait for those that go on; a late one is not waited for."""
        jobs = [job for job in self._jobs if job.implementation.plugin in plugins]
        with self._changing:
            for job in jobs:
                job.held = True
        for job in jobs:
            if not job.late:
                job.idle.wait(job.schedule.timeout)

    def release(self, plugins: Collection[str]) -> None:
        """Begin calls of these plugins again, each as soon as it is due."""
        for job in self._jobs:
            if job.implementation.plugin in plugins:
                job.held = False
        self._woken.set()

    def exchange(self, leaving: Collection[str], coming: Iterable[Implementation]) -> None:
        """Put collectors in the place of others, while they are held; a successor is due when the old one would be.

        Args:
            leaving: the plugins whose collectors end.
            coming: the new collectors.
        """
        left = {job.implementation.plugin: job for job in self._jobs if job.implementation.plugin in leaving}
        new = [_Job(i, _schedule(i)) for i in coming]
        for job in new:
            if job.implementation.plugin in left:
                latest = self._clock() + job.schedule.interval
                job.due = min(left[job.implementation.plugin].due, latest)
        self._jobs = [*(job for job in self._jobs if job.implementation.plugin not in leaving), *new]
        for job in left.values():
            job.end()

    def stop(self, timeout: float) -> None:
        """End the threads; one whose call does not return within `timeout` seconds is left behind."""
        self._stopping.set()
        self._woken.set()
        with self._changing:  # a thread may be about to be started
            for job in self._jobs:
                job.end()
        end = time.monotonic() + timeout
        for thread in (self._thread, *(job.thread for job in self._jobs)):
            if thread is not None and thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        self._asyncio.stop(max(0.0, end - time.monotonic()))

    def _next(self, job: _Job, now: float) -> float:
        if job.held and job.started is None:
            return float("inf")
        if job.started is None:
            return max(job.due, job.implementation.health.paused_until)
        deadline = float("inf") if job.late else job.started + job.schedule.timeout
        return min(job.due, deadline) if job.due > now else deadline  # mostly it returns before it is due again

    def _begin(self, job: _Job, now: float) -> None:
        job.due, job.started, job.late = now + job.schedule.interval, now, False
        job.idle.clear()
        if job.thread is None:
            name = job.implementation.thread
            job.thread = threading.Thread(target=self._work, args=(job,), name=name, daemon=True)
            job.thread.start()
        job.wake.set()

    def _look_after(self, job: _Job, now: float) -> None:
        with job.lock:  # it may return at this very moment
            if job.late or job.started is None or now - job.started <= job.schedule.timeout:
                return
            job.late = job.implementation.health.stuck = True
            took = now - job.started
            job.implementation.health.failed(f"no answer for {took:.1f} s", took, now)
        text = f"a collector has not returned for {took:.1f} s; it is not called again until it does"
        self._say(Severity.ERROR, job.implementation.plugin, text, hook="vmon_collect")

    def _work(self, job: _Job) -> None:
        while True:
            job.wake.wait()
            job.wake.clear()
            if job.ended:
                return
            self._collect(job)
            job.idle.set()
            if self._clock() >= job.due:
                self._woken.set()

    def _collect(self, job: _Job) -> None:
        tick = self._make_tick()
        try:
            found = _sorted(self._call(job, tick))
        except BaseException as error:  # noqa: BLE001 (a plugin that exits must not end the monitor)
            self._failed(job, describe(error), told=isinstance(error, EndedError))
            return
        if self._ended_in_time(job) and any(found):  # the pipeline judges without frames, too: one costs a whole turn
            self._sink(Frame(self._clock(), *found))

    def _call(self, job: _Job, tick: Tick) -> Any:  # noqa: ANN401 (checked by `_sorted`)
        implementation = job.implementation
        value = implementation.function(*([tick] if "tick" in implementation.names else []))
        return self._asyncio.wait(value, job.schedule.timeout) if inspect.iscoroutine(value) else value

    def _failed(self, job: _Job, error: str, *, told: bool) -> None:
        now, health = self._clock(), job.implementation.health
        with job.lock:
            counted = job.late
            if not counted:
                health.failed(error, now - (job.started or now), now)
            health.stuck, job.started = False, None
        if counted or told:
            return
        if health.in_a_row == 1 or health.paused_until > now:
            pause = f"; left alone for {health.paused_until - now:.0f} s" if health.paused_until > now else ""
            self._say(Severity.ERROR, job.implementation.plugin, f"vmon_collect failed: {error}{pause}")

    def _ended_in_time(self, job: _Job) -> bool:
        """Note that a call returned; what comes too late is no longer wanted, and was counted as a failure."""
        now, health = self._clock(), job.implementation.health
        with job.lock:
            in_time = not (job.late or job.ended)
            if in_time:
                health.succeeded(now - (job.started or now))
            health.stuck, job.started = False, None
            return in_time


def _schedule(implementation: Implementation) -> Schedule:
    schedule: Schedule = getattr(implementation.function, "vmon_schedule", DEFAULT)
    return schedule


def _sorted(found: Iterable[object] | None) -> tuple[tuple[Evidence, ...], tuple[Sample, ...]]:
    """Tell evidence from samples; anything else, or one with rubbish in it, fails the whole call."""
    items = tuple(islice(found or (), ITEMS_LIMIT + 1))
    if len(items) > ITEMS_LIMIT:
        msg = f"vmon_collect returned more than {ITEMS_LIMIT} items"
        raise ValueError(msg)
    for item in items:
        if not isinstance(item, Evidence | Sample):
            msg = f"vmon_collect must return samples and evidence, not {type(item).__name__}"
            raise TypeError(msg)
        sound(item, type(item))
    return tuple(i for i in items if isinstance(i, Evidence)), tuple(i for i in items if isinstance(i, Sample))


class _AsyncLoop:
    """One event loop for all collectors that are `async def`, started by the first of them."""

    def __init__(self) -> None:
        self._loop: Any = None
        self._thread = threading.Thread()
        self._lock = threading.Lock()

    def wait(self, coroutine: Any, timeout: float) -> Any:  # noqa: ANN401 (whatever the plugin returns)
        """Run a coroutine; it is cancelled after `timeout` seconds."""
        import asyncio  # noqa: PLC0415 (costs 5 MB, and most monitors have no async plugin)

        future: Future[Any] = asyncio.run_coroutine_threadsafe(
            asyncio.wait_for(coroutine, timeout), self._started(asyncio.new_event_loop)
        )
        return future.result()

    def _started(self, new_loop: Callable[[], Any]) -> Any:  # noqa: ANN401 (asyncio is not imported here)
        with self._lock:
            if self._loop is None:
                self._loop = new_loop()
                self._thread = threading.Thread(target=self._run, name="vmon-asyncio", daemon=True)
                self._thread.start()
            return self._loop

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def stop(self, timeout: float) -> None:
        """End the loop; one that a coroutine blocks is left behind after `timeout` seconds."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout)
