"""The live loop: frames come in from collectors and from plugins' own threads, and time passes."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING

from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import Frame, Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_core.evidence import Evidence
    from vmon_core.host.scheduler import Scheduler
    from vmon_core.pipeline.pipeline import Pipeline
    from vmon_core.records import Sample, Target

QUEUED_FRAMES = 10_000
"""The most frames that wait to be taken in; beyond that the newest is dropped and counted: memory must not grow."""

URGENT = frozenset({LifecycleState.STALLED, LifecycleState.CRASHED, LifecycleState.STOPPING, LifecycleState.DRAINING})
"""States in which a fresh look is wanted at each tick, whatever the collectors' intervals are."""


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

    def tick(self, target: Target) -> Tick:
        """Make the tick that a collector is called with."""
        state = self.pipeline.tracker.state
        return Tick(time=self._clock(), target=target, state=state, urgent=self.hurried or state in URGENT)

    def turn(self) -> None:
        """Do one round: start what is due, wait for something to happen, take it in."""
        self._collect()
        for frame in self._arrived():
            self.pipeline.advance(frame)
            self._judged_at = frame.time
        now = self._clock()
        if now - self._judged_at >= self._interval:
            self.pipeline.advance(Frame(now))
            self._judged_at = now

    def drain(self) -> None:
        """Take in everything that has arrived, without waiting."""
        while not self._frames.empty():
            self.pipeline.advance(self._frames.get_nowait())

    def _collect(self) -> None:
        if self.scheduler is None:
            return
        now = self._clock()
        if self.pipeline.tracker.state in URGENT and now - self._urged_at >= self._interval:
            self._urged_at = now  # each frame makes a turn: without a pace a suspect server would be flooded with looks
            self.scheduler.urge()
        self.scheduler.run_due(now)

    def _arrived(self) -> Iterable[Frame]:
        try:
            yield self._frames.get(timeout=self._patience())
            while True:
                yield self._frames.get_nowait()
        except queue.Empty:
            return

    def _patience(self) -> float:
        now = self._clock()
        until = self._judged_at + self._interval
        if self.scheduler is not None:
            until = min(until, self.scheduler.next_due(now))
        return min(max(until - now, 0.001), self._interval)
