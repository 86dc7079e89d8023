"""The workers: started when they are first needed, replaced when they die, gone when the engine is closed."""

from __future__ import annotations

import os
import signal
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pydantic_monty

from vmon_plugin_sandbox.engine.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

GRACE = 0.2
"""Seconds that the interpreter gets to notice a time limit itself; native loops do not, and their worker is killed."""

CHECKOUT_TIMEOUT = 5.0
"""Seconds to wait for a free worker: five times the longest turn."""

CHECKOUTS_PER_WORKER = 1000
"""A worker is replaced after so many runs, so that nothing can build up in it."""

REINSTALL = "install it anew: pip install --force-reinstall 'pydantic-monty>=1.4,<1.5'"

_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_inherited: list[pydantic_monty.Monty] = []
"""Pools of the parent process: a forked child must not end their workers, so it never lets go of them."""


class Pool:
    """A pool of workers, one process each.

    Args:
        workers: processes at most.
        wall: seconds that one turn may take until its worker is killed.
    """

    def __init__(self, workers: int, wall: float) -> None:
        self._workers = workers
        self._wall = wall
        self._lock = threading.Lock()
        self._monty: pydantic_monty.Monty | None = None
        self._end: weakref.finalize[..., Pool] | None = None
        _pools.add(self)

    @contextmanager
    def session(self, **options: Any) -> Iterator[pydantic_monty.MontySession]:  # noqa: ANN401 (passed on to `checkout`)
        """A fresh session in some worker.

        Raises:
            SandboxUnavailableError: no worker could be started, or none was free in time.
        """
        monty = self._started()
        try:
            entered = monty.checkout(os_policy={"sleep": "zero"}, **options)
            session = entered.__enter__()
        except TimeoutError as error:
            message = f"no worker was free for {CHECKOUT_TIMEOUT:g} s"
            raise SandboxUnavailableError(message, help="run fewer pieces of code at once") from error
        try:
            yield session
        finally:
            entered.__exit__(None, None, None)

    def close(self) -> None:
        """End the workers; the next session starts new ones."""
        with self._lock:
            end, self._end, self._monty = self._end, None, None
        if end is not None:
            end()

    def forget(self) -> None:
        """Let go of the workers without ending them, in a forked child: they are the parent's."""
        self._lock = threading.Lock()
        if self._end is not None:
            self._end.detach()
        if self._monty is not None:
            _inherited.append(self._monty)
        self._monty = self._end = None

    def _started(self) -> pydantic_monty.Monty:
        with self._lock:
            if self._monty is None:
                self._monty = self._start()
                self._end = weakref.finalize(self, self._monty.__exit__, None, None, None)
            return self._monty

    def _start(self) -> pydantic_monty.Monty:
        try:
            monty = pydantic_monty.Monty(
                min_processes=1,
                max_processes=self._workers,
                request_timeout=self._wall,
                checkout_timeout=CHECKOUT_TIMEOUT,
                max_checkouts_per_worker=CHECKOUTS_PER_WORKER,
                feed_duration_limit_grace=GRACE,
                turn_duration_limit_grace=GRACE,
            )
            return monty.__enter__()
        except (OSError, RuntimeError, pydantic_monty.MontyError) as error:
            message = f"the sandbox's workers cannot be started: {error}"
            raise SandboxUnavailableError(message, help=REINSTALL) from error


def kill(session: pydantic_monty.MontySession) -> None:
    """End a session's worker: after a limit its heap is not to be trusted, and the pool would use it again."""
    pid = session.worker_pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def _forget_all() -> None:
    for pool in list(_pools):
        pool.forget()


os.register_at_fork(after_in_child=_forget_all)
