"""The live loop: frames come in from collectors and from plugins' own threads, and time passes."""

from __future__ import annotations

import queue
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from vmon_core.lifecycle.states import LifecycleState
from vmon_core.pipeline.jobs import JOB_SECONDS, Jobs
from vmon_core.records import Frame, Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_core.evidence import Evidence
    from vmon_core.host.scheduler import Scheduler
    from vmon_core.pipeline.pipeline import Pipeline
    from vmon_core.records import Sample, Target

_T = TypeVar("_T")

QUEUED_FRAMES = 10_000
"""The most frames that wait to be taken in; beyond that the newest is dropped and counted: memory must not grow."""

URGENT = frozenset({LifecycleState.STALLED, LifecycleState.CRASHED, LifecycleState.STOPPING, LifecycleState.DRAINING})
"""States in which a fresh look is wanted at each tick, whatever the collectors' intervals are."""

_WAKE = Frame(0.0)
"""Put into the queue to end a wait; it is no frame of anybody's."""


class Loop:
    """Feeds a pipeline with what happens now.

    Args:
        pipeline: takes the frames.
        interval: seconds between two judgements when nothing happens.
        clock: tells the time in Unix seconds.

    Attributes:
        dropped: frames that were dropped because too many waited.
        hurried: somebody waits for a verdict: collectors look at once, whatever their pace is.
    """

    def __init__(self, pipeline: Pipeline, interval: float = 1.0, *, clock: Callable[[], float] = time.time) -> None:
        self.pipeline = pipeline
        self.scheduler: Scheduler | None = None
        self.dropped = 0
        self.hurried = False
        self._interval = interval
        self._clock = clock
        self._frames: queue.Queue[Frame] = queue.Queue(QUEUED_FRAMES)
        self._jobs = Jobs()
        self._judged_at = 0.0
        self._urged_at = 0.0

    def emit(self, evidence: Iterable[Evidence] = (), samples: Iterable[Sample] = ()) -> None:
        """Hand in what was just observed; may be called from any thread and never blocks."""
        self.put(Frame(self._clock(), tuple(evidence), tuple(samples)))

    def put(self, frame: Frame) -> None:
        """Hand in a frame."""
        try:
            self._frames.put_nowait(frame)
        except queue.Full:
            self.dropped += 1

    def between_ticks(self, job: Callable[[], _T], timeout: float = JOB_SECONDS) -> _T:
        """Have something done on the pipeline's thread between two turns, when no plugin's hook runs there.

        Args:
            job: what to do; everything waits for it, so it must be quick.
            timeout: seconds to wait for the end of the turn that is going on; after that the job is not begun any more.

        Returns:
            What `job` returns. What it raises is raised here.

        Raises:
            VmonError: too many jobs wait, or the turn did not end in time.
        """
        return self._jobs.ask(job, self._wake, timeout)

    def _wake(self) -> None:
        with suppress(queue.Full):  # then it is awake
            self._frames.put_nowait(_WAKE)

    def tick(self, target: Target) -> Tick:
        """Make the tick that a collector is called with."""
        state = self.pipeline.tracker.state
        return Tick(time=self._clock(), target=target, state=state, urgent=self.hurried or state in URGENT)

    def turn(self) -> None:
        """Do one round: do the jobs, ask for a fresh look where one is needed, wait for something and take it in."""
        self._jobs.run()
        self._urge()
        for frame in self._arrived():
            self.pipeline.advance(frame)
            self._judged_at = frame.time
        now = self._clock()
        if now - self._judged_at >= self._interval:
            self.pipeline.advance(Frame(now))
            self._judged_at = now

    def drain(self) -> None:
        """Take in everything that has arrived, without waiting, and do the jobs that were asked for."""
        while not self._frames.empty():
            frame = self._frames.get_nowait()
            if frame is not _WAKE:
                self.pipeline.advance(frame)
        self._jobs.run()

    def _urge(self) -> None:
        now, urgent = self._clock(), self.pipeline.tracker.state in URGENT
        if self.scheduler is not None and urgent and now - self._urged_at >= self._interval:
            self._urged_at = now  # each frame makes a turn: without a pace a suspect server would be flooded with looks
            self.scheduler.urge()

    def _arrived(self) -> Iterable[Frame]:
        try:
            frame = self._frames.get(timeout=self._patience())
            while frame is not _WAKE:
                yield frame
                frame = self._frames.get_nowait()
        except queue.Empty:
            return

    def _patience(self) -> float:
        now = self._clock()
        return min(max(self._judged_at + self._interval - now, 0.001), self._interval)
