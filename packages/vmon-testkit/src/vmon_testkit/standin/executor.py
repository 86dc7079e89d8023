"""The engine core's side of its workers: start them, run a step on all of them, notice their death."""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from typing import TYPE_CHECKING

import attrs

from vmon_testkit.standin import messages
from vmon_testkit.standin.link import Link, LinkClosedError
from vmon_testkit.standin.logs import Log
from vmon_testkit.standin.options import seconds_from
from vmon_testkit.standin.parent import Parent
from vmon_testkit.standin.phases import CHECK_SECONDS
from vmon_testkit.standin.processes import fork, reap, send_signal
from vmon_testkit.standin.worker import Worker

if TYPE_CHECKING:
    from vmon_testkit.standin.options import Options
    from vmon_testkit.standin.processes import Closable


STOP_SECONDS = 1.0
"""How long a worker gets to end by itself; 5 s in vLLM (VLLM_WORKER_SHUTDOWN_TIMEOUT_SECONDS)."""


class WorkerDiedError(Exception):
    """A worker is gone although nobody stopped it."""

    def __init__(self, rank: int) -> None:
        super().__init__(rank)
        self.rank = rank


class StepTimeoutError(Exception):
    """The workers did not answer within VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS."""


@attrs.define
class Executor:
    """The workers of one engine.

    Attributes:
        log: the engine's log.
        parent: the API server, whose end ends this process too when it waits.
        pids: of the workers, by rank.
        links: to the workers, by rank.
    """

    log: Log
    parent: Parent
    pids: list[int] = attrs.field(factory=list)
    links: list[Link] = attrs.field(factory=list)

    def start(self, options: Options, *, close: tuple[Closable, ...]) -> None:
        """Fork the workers.

        Args:
            options: the stand-in's settings.
            close: what belongs to the engine alone.
        """
        token = secrets.token_hex(16)
        for rank in range(options.tensor_parallel_size):
            near, far = Link.pair()
            worker = Worker(options, rank, far, token, os.getpid())
            self.pids.append(fork(worker.run, close=(*close, near, *self.links)))
            far.close()
            self.links.append(near)

    def wait_ready(self) -> None:
        """Wait until every worker has loaded.

        Raises:
            WorkerDiedError: one of them ended instead.
        """
        self._collect(float("inf"))

    def run(self, operation: str) -> None:
        """Let every worker do one thing, and wait for all of them.

        A worker that does not answer brings vLLM's warning, and in the end its time-out.

        Raises:
            WorkerDiedError: one of them is gone.
            StepTimeoutError: they took too long.
        """
        for rank, link in enumerate(self.links):
            try:
                link.send({"op": operation})
            except LinkClosedError:
                raise WorkerDiedError(rank) from None
        self._collect(seconds_from("VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS", 300.0))

    def stop(self) -> None:
        """Let go of the workers and see them off."""
        self.log.write(messages.WORKERS_WAIT, count=len(self.pids))
        for link in self.links:
            link.close()
        for pid in self.pids:
            if not reap(pid, timeout=STOP_SECONDS):
                send_signal(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        self.log.write(messages.WORKERS_EXITED)

    def _collect(self, timeout: float) -> None:
        """Read one message from each worker."""
        began = time.monotonic()
        warned = 0
        warning = seconds_from("VLLM_RINGBUFFER_WARNING_INTERVAL", 60.0)
        missing = {link.fileno(): rank for rank, link in enumerate(self.links)}
        while missing:
            self._read(missing)
            waited = time.monotonic() - began
            if waited > timeout:
                raise StepTimeoutError
            if timeout < float("inf") and waited > (warned + 1) * warning:
                warned += 1
                self.log.write(messages.NO_BLOCK, seconds=warning)

    def _read(self, missing: dict[int, int]) -> None:
        poll = select.poll()
        for descriptor in missing:
            poll.register(descriptor, select.POLLIN)
        ready = poll.poll(CHECK_SECONDS * 1000)
        if not ready:
            self.parent.check()
        for descriptor, _ in ready:
            rank = missing.pop(descriptor)
            try:
                list(self.links[rank].receive())
            except LinkClosedError:
                raise WorkerDiedError(rank) from None
