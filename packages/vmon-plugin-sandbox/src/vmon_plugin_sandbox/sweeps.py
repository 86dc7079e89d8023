"""Runs what is due, once a second, in a few threads and within a budget."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import attrs

from vmon_core.dynamic import CodeKind
from vmon_plugin_sandbox.registry import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PATIENCE = 1.0
"""Seconds that a sweep waits for its end; what still runs then delivers with the next one."""

_ORDER = (
    *(CodeKind.GUARDRAIL, CodeKind.INTERVENTION, CodeKind.LIFECYCLE),
    *(CodeKind.ANALYZER, CodeKind.COLLECTOR, CodeKind.EXPORTER),
)
"""What protects comes before what only looks."""


@attrs.frozen(eq=False)
class Job:
    """One run of a plugin; `event` is what it hears of, a change or rows."""

    entry: Entry
    event: object = None


def ordered(jobs: Iterable[Job]) -> list[Job]:
    """What was put off comes first, so that nobody starves; then what protects."""
    return sorted(jobs, key=lambda job: (-job.entry.put_off, _ORDER.index(job.entry.plugin.kind), job.entry.due))


class Sweeper:
    """Runs jobs.

    Args:
        run: does one job and says how many seconds of a worker's time it took.
        workers: threads.
        budget: seconds of all threads together in one sweep.
    """

    def __init__(self, run: Callable[[Job], float], workers: int, budget: float) -> None:
        self._run = run
        self._workers = workers
        self._budget = budget
        self._pool: ThreadPoolExecutor | None = None
        self._going: list[Future[None]] = []
        self._lock = threading.Lock()

    def sweep(self, jobs: Iterable[Job]) -> list[Job]:
        """Run jobs until the budget is spent.

        Returns:
            Those that were put off.
        """
        waiting = deque(ordered(jobs))
        if not waiting:
            return []
        spent = [0.0]
        self._going = [future for future in self._going if not future.done()]
        idle = self._workers - len(self._going)
        mine = [self._started().submit(self._drain, waiting, spent) for _ in range(idle)]
        self._going += mine
        wait(mine, timeout=PATIENCE)
        with self._lock:
            left = list(waiting)
            waiting.clear()
        return left

    def close(self, timeout: float = PATIENCE) -> None:
        """End the threads; one that is at work ends with its run."""
        if self._pool is not None:
            wait(self._going, timeout=timeout)
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _started(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="vmon-sandbox")
        return self._pool

    def _drain(self, waiting: deque[Job], spent: list[float]) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self._lock:
                if not waiting or spent[0] >= self._budget:
                    return
                job = waiting.popleft()
            took = self._run(job)
            with self._lock:
                spent[0] += took
