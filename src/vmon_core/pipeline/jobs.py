"""Jobs that other threads want to have done on the pipeline's thread, between two turns."""

from __future__ import annotations

import queue
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from vmon_core.errors import VmonError
from vmon_core.host.dispatch import Abandoned

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

QUEUED_JOBS = 64
"""The most jobs that wait; each has somebody who waits for it, and there are never that many."""

JOB_SECONDS = 10.0
"""Seconds that a job may wait for its turn: longer than any turn takes before its plugin is abandoned."""


class Jobs:
    """A bounded queue of jobs, each with somebody who waits for its result."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Future[Any], Callable[[], Any]]] = queue.Queue(QUEUED_JOBS)

    def ask(self, job: Callable[[], _T], wake: Callable[[], object], timeout: float) -> _T:
        """Hand in a job and wait for its result.

        Args:
            job: what to do.
            wake: makes the pipeline look at its jobs.
            timeout: seconds to wait for the beginning; what has begun is waited for to its end.

        Raises:
            VmonError: the job was not begun.
        """
        future: Future[_T] = Future()
        try:
            self._waiting.put_nowait((future, job))
        except queue.Full:
            msg = f"the monitor is too busy: {QUEUED_JOBS} jobs wait for the end of its turn"
            raise VmonError(msg) from None
        wake()
        try:
            return future.result(timeout)
        except TimeoutError:
            if not future.cancel():
                return future.result()
            msg = f"the monitor did not come to it within {timeout:g} s: its pipeline is held up"
            raise VmonError(msg) from None

    def run(self) -> None:
        """Do all jobs that wait; whatever one raises is its asker's."""
        while not self._waiting.empty():
            future, job = self._waiting.get_nowait()
            if future.set_running_or_notify_cancel():
                _do(job, future)


def _do(job: Callable[[], _T], future: Future[_T]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # even an exit is handed back: it must not end the pipeline
        future.set_exception(error)
        if isinstance(error, Abandoned):  # the thread is no longer wanted
            raise
