"""Run a recording through the same pipeline as live data, deterministically."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.records import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmon_core.pipeline.pipeline import Pipeline

STEP = 0.5
"""Seconds between two moments that are judged although nothing was observed: time passing is what proves a hang."""


def replay(frames: Iterable[Frame], pipeline: Pipeline) -> float:
    """Feed a recording to a pipeline.

    Args:
        frames: oldest first.
        pipeline: a fresh one.

    Returns:
        The time of the last moment.
    """
    now = 0.0
    for frame in paced(frames):
        pipeline.advance(frame)
        now = frame.time
    return now


def paced(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Fill gaps with empty frames, at most `STEP` seconds apart."""
    previous: float | None = None
    for frame in frames:
        if previous is not None:
            yield from _between(previous, frame.time)
        yield frame
        previous = frame.time


def _between(start: float, end: float) -> Iterator[Frame]:
    missing = int((end - start) / STEP)
    yield from (Frame(round(start + STEP * n, 4)) for n in range(1, missing + 1) if start + STEP * n < end)
