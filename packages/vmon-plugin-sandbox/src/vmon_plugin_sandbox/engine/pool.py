"""The workers: started when they are first needed, replaced when they die, gone when the engine is closed."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pydantic_monty

from vmon_plugin_sandbox.engine.errors import SandboxUnavailableError
from vmon_plugin_sandbox.hardening.confinement import REQUIRED, Confinement, Hardening
from vmon_plugin_sandbox.hardening.errors import HardeningError
from vmon_plugin_sandbox.hardening.layers import measure, start_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmon_plugin_sandbox.hardening.layers import Layer

GRACE = 0.2
"""Seconds that the interpreter gets to notice a time limit itself; native loops do not, and their worker is killed."""

CHECKOUT_TIMEOUT = 5.0
"""Seconds to wait for a free worker: several times the longest turn."""

CHECKOUTS_PER_WORKER = 10_000
"""A worker is replaced after so many runs, so that nothing can build up in it."""

STARTS = 3
"""Workers that are started for one run until one does; on a starved machine the first may take too long."""

KNOWN = 64
"""Workers to remember: more than there ever are, since those that are gone are not told."""

_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_users: list[int] = []
"""The one process that may use the interpreter's binding, once it does."""


class Pool:
    """A pool of workers, one process each.

    Args:
        workers: processes at most.
        wall: seconds that one turn, and the start of a worker, may take until the worker is killed.
        hardening: how much the operating system must confine them.
        binary: the interpreter; the one that is installed if it is not said.
    """

    def __init__(self, workers: int, wall: float, hardening: Hardening, binary: Path | None = None) -> None:
        self._workers = workers
        self._wall = wall
        self._hardening = hardening
        self._binary = binary
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._end: weakref.finalize[..., Pool] | None = None
        _pools.add(self)

    @contextmanager
    def session(self, **options: Any) -> Iterator[pydantic_monty.MontySession]:  # noqa: ANN401 (passed on to `checkout`)
        """A fresh session in a worker that is confined.

        Raises:
            SandboxUnavailableError: no worker could be started, or none was free in time.
        """
        session = self._started().session(options)
        try:
            yield session
        finally:
            session.__exit__(None, None, None)

    def kill(self, session: pydantic_monty.MontySession) -> None:
        """End a session's worker: after a limit its heap is not to be trusted, and the pool would use it again."""
        self._started().kill(session)

    def layers(self) -> tuple[Layer, ...]:
        """What confines a worker, measured on one.

        Raises:
            SandboxUnavailableError: there is none.
        """
        with self.session() as session:
            return self._started().measured(session)

    def close(self) -> None:
        """End the workers; the next session starts new ones."""
        with self._lock:
            end, self._end, self._running = self._end, None, None
        if end is not None:
            end()

    def forget(self) -> None:
        """Let go of the workers without ending them, in a forked child: they are the parent's."""
        self._lock = threading.Lock()
        if self._end is not None:
            self._end.detach()
        if self._running is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._running.monty))  # its destructor would kill them
        self._running = self._end = None

    def _started(self) -> _Running:
        with self._lock:
            if self._running is None:
                self._running = self._start()
                self._end = weakref.finalize(self, self._running.end)
            return self._running

    def _start(self) -> _Running:
        _claim()
        try:
            confinement = Confinement(self._hardening, self._binary)
        except HardeningError as error:
            raise SandboxUnavailableError(error.message, help=error.help) from error
        monty = pydantic_monty.Monty(
            binary_path=str(confinement.program),
            min_processes=1,
            max_processes=self._workers,
            request_timeout=self._wall,
            checkout_timeout=CHECKOUT_TIMEOUT,
            max_checkouts_per_worker=CHECKOUTS_PER_WORKER,
            feed_duration_limit_grace=GRACE,
            turn_duration_limit_grace=GRACE,
        )
        required = REQUIRED if self._hardening is Hardening.REQUIRE else ()
        return _Running(monty.__enter__(), confinement, required)


class _Running:
    """Workers that were started, and what is known of each."""

    def __init__(self, monty: pydantic_monty.Monty, confinement: Confinement, required: tuple[str, ...]) -> None:
        self.monty = monty
        self._confinement = confinement
        self._required = required
        self._known: dict[int, str] = {}

    def end(self) -> None:
        self.monty.__exit__(None, None, None)
        self._confinement.close()

    def session(self, options: dict[str, Any]) -> pydantic_monty.MontySession:
        problem: Exception | None = None
        for _ in range(STARTS):
            try:
                session = self.monty.checkout(os_policy={"sleep": "zero"}, **options).__enter__()
            except TimeoutError as error:
                message = f"no worker was free for {CHECKOUT_TIMEOUT:g} s"
                raise SandboxUnavailableError(message, help="run fewer pieces of code at once") from error
            except (pydantic_monty.MontyCrashedError, RuntimeError) as error:
                problem = error
            else:
                self._admit(session)
                return session
        message = f"no worker starts: {problem}"
        raise SandboxUnavailableError(message, help="see whether the machine is out of memory, processes or time")

    def measured(self, session: pydantic_monty.MontySession) -> tuple[Layer, ...]:
        return measure(session.worker_pid or 0, self._confinement.layers)

    def kill(self, session: pydantic_monty.MontySession) -> None:
        """Signal the worker that is known by its start time, and no other process that has its number now."""
        pid = session.worker_pid
        known = self._known.pop(pid or 0, "")
        try:
            if pid and known == start_time(pid):
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _admit(self, session: pydantic_monty.MontySession) -> None:
        """Look at a worker when it is seen first: one that is not confined gets no code."""
        pid = session.worker_pid or 0
        if pid in self._known:
            return
        missing = [layer.name for layer in self.measured(session) if layer.name in self._required and not layer.active]
        self._known = {pid: start_time(pid), **dict(list(self._known.items())[:KNOWN])}
        if missing:
            self.kill(session)
            session.__exit__(None, None, None)
            message = f"a worker runs without {' and '.join(missing)}"
            raise SandboxUnavailableError(
                message, help="it was killed; report this, since its launcher should have failed"
            )


def _claim() -> None:
    """Note the process that uses the interpreter's binding: its threads do not come along when that process forks.

    Raises:
        SandboxUnavailableError: this process is a fork of one that used it, and a run would never end.
    """
    if _users and _users[0] != os.getpid():
        message = "this process was forked from one that ran code in the sandbox, and its threads are not here"
        raise SandboxUnavailableError(message, help="start the process anew (`spawn`), or fork before the first run")
    _users[:] = [os.getpid()]


def _forget_all() -> None:
    for pool in list(_pools):
        pool.forget()


os.register_at_fork(after_in_child=_forget_all)
