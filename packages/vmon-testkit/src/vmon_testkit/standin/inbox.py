"""What the main process reacts to, and the clock of the scenario."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from queue import Empty, SimpleQueue

import attrs

from vmon_testkit.standin.scenario import Fault


@attrs.frozen
class Signalled:
    """SIGTERM or SIGINT came."""


@attrs.frozen
class EngineReady:
    """An engine finished its start."""

    index: int


@attrs.frozen
class EngineGone:
    """An engine ended; `announced` when it said so itself, as it does when a worker dies."""

    index: int
    announced: bool


@attrs.frozen
class Switch:
    """A fault goes on or off; `applied` is set when that has happened."""

    fault: Fault
    on: bool = True
    applied: threading.Event = attrs.field(factory=threading.Event)


Event = Signalled | EngineReady | EngineGone | Switch


class Inbox:
    """Events from signals and threads, and events that are due at a time, in one queue."""

    def __init__(self) -> None:
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._timed: list[tuple[float, int, Event]] = []
        self._order = itertools.count()

    def put(self, event: Event) -> None:
        """Add an event now; safe in signal handlers and threads."""
        self._events.put(event)

    def plan(self, fault: Fault, *, base: float) -> None:
        """Add a fault's beginning, and its end when it has one; for the main thread only.

        Args:
            fault: with its times.
            base: the time on the monotonic clock that `fault.at` counts from.
        """
        begin = base + fault.at
        heapq.heappush(self._timed, (begin, next(self._order), Switch(fault)))
        if fault.lasts is not None:
            heapq.heappush(self._timed, (begin + fault.lasts, next(self._order), Switch(fault, on=False)))

    def next(self, deadline: float) -> Event | None:
        """Wait for the next event, or return None at `deadline` (on the monotonic clock)."""
        until = min(deadline, self._timed[0][0]) if self._timed else deadline
        try:
            return self._events.get(timeout=max(0.0, min(until - time.monotonic(), threading.TIMEOUT_MAX)))
        except Empty:
            due = self._timed and self._timed[0][0] <= time.monotonic()
            return heapq.heappop(self._timed)[2] if due else None
