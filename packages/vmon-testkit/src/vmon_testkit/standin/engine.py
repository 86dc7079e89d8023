"""The engine core process: starts the workers, then steps while it has requests and pushes what it counted."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING

import attrs
import setproctitle

from vmon_testkit.standin import messages
from vmon_testkit.standin.control import Control
from vmon_testkit.standin.counters import Snapshot
from vmon_testkit.standin.executor import Executor, StepTimeoutError, WorkerDiedError
from vmon_testkit.standin.link import LinkClosedError, Message
from vmon_testkit.standin.logs import Log, emit
from vmon_testkit.standin.options import VERSION
from vmon_testkit.standin.parent import Parent
from vmon_testkit.standin.phases import CHECK_SECONDS, spend
from vmon_testkit.standin.scheduler import Request, Scheduler, StepOutput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_testkit.standin.link import Link
    from vmon_testkit.standin.options import Options


def engine_name(options: Options, index: int) -> str:
    """The name of an engine in the log; its title is this after `VLLM::`."""
    return f"EngineCore_DP{index}" if options.data_parallel_size > 1 else "EngineCore"


class Engine:
    """One engine core, made in the API server and run in its child.

    Args:
        options: the stand-in's settings.
        index: its data-parallel rank.
        link: to the API server.
        bounds: the buckets of the histograms.
    """

    def __init__(self, options: Options, index: int, link: Link, bounds: Mapping[str, tuple[float, ...]]) -> None:
        self._options = options
        self._link = link
        self._name = engine_name(options, index)
        self._bounds = bounds
        self._server_pid = os.getpid()
        self._next_step = 0.0
        self._stop_requested = False

    def run(self) -> int:
        """Start and serve; returns the exit code."""
        self._log = Log(self._name, os.getpid(), self._options.json_log)
        self._parent = Parent(self._server_pid, self._options.orphan_seconds)
        self._executor = Executor(self._log, self._parent)
        self._scheduler = Scheduler(self._options.max_num_seqs, self._options.kv_blocks, Snapshot.empty(self._bounds))
        self._control = Control(self._scheduler, self._executor, self._log, self._link)
        if error := self._start():
            return self._fail(error)
        try:
            self._serve()
        except WorkerDiedError as death:
            return self._die(death.rank)
        except StepTimeoutError:
            return self._die(None)
        self._executor.stop()
        return 0

    # Start-up

    def _start(self) -> str | None:
        """Go through the phases of a start; returns the last line of the traceback when it failed."""
        phases = self._options.phases
        spend(phases["starting_engine"], self._parent.check)
        setproctitle.setproctitle(f"VLLM::{self._name}")
        self._introduce()
        self._executor.start(self._options, close=(self._link,))
        self._send({"op": "workers", "pids": self._executor.pids})
        try:
            self._executor.wait_ready()
        except WorkerDiedError:
            return messages.WORKER_INIT_FAILED
        spend(phases["allocating_kv_cache"], self._parent.check)
        if (self._options.fault("fail_start") or {}).get("cause") == "kv_too_small":
            return messages.KV_TOO_SMALL.format(max_model_len=self._options.max_model_len)
        self._warm_up(phases["warming_up"])
        self._send({"op": "ready"})
        return None

    def _introduce(self) -> None:
        facts = attrs.asdict(self._options, recurse=False) | {"served_model_name": self._options.model_name}
        self._log.write(messages.ENGINE_INIT, version=VERSION, **facts)
        self._log.write(messages.GROUP_LEADER, world_size=self._options.tensor_parallel_size)

    def _warm_up(self, seconds: float) -> None:
        size = self._options.max_model_len
        self._log.write(
            messages.KV_CACHE_SIZE,
            tokens=self._options.kv_tokens,
            max_model_len=size,
            concurrency=self._options.kv_tokens / size,
        )
        spend(seconds, self._parent.check)
        self._log.write(messages.ENGINE_READY, seconds=seconds)

    def _fail(self, error: str) -> int:
        traceback = messages.traceback("vllm/v1/engine/core.py", 1482, "run_engine_core", error)
        self._log.write(messages.ENGINE_FAILED, traceback=traceback)
        self._executor.stop()
        emit(f"Process {self._name}:\n{traceback}\n")
        return 1

    def _die(self, rank: int | None) -> int:
        """Report the end of a worker (or a step that timed out) the way that vLLM does."""
        if rank is not None:
            self._log.write(messages.WORKER_DIED, rank=rank)
        running, waiting = len(self._scheduler.running), len(self._scheduler.waiting)
        self._log.write(messages.DUMPED, running=running, waiting=waiting)
        error = "RuntimeError: cancelled" if rank is not None else "TimeoutError: RPC call to execute_model timed out."
        self._log.write(messages.FATAL, error=error)
        self._send({"op": "dead"})
        self._executor.stop()
        return 1

    # Serving

    def _serve(self) -> None:
        """Handle messages and step until told to stop and nothing is left to do."""
        wake = os.eventfd(0, os.EFD_NONBLOCK)
        signal.signal(signal.SIGTERM, lambda *_: os.eventfd_write(wake, 1))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while not (self._stop_requested and not self._scheduler.in_flight):
            for descriptor in self._wait(wake):
                if descriptor == wake:
                    os.eventfd_read(wake)
                    self._begin_stop()
                elif descriptor == self._link.fileno():
                    self._read_messages()
                else:
                    self._check_workers()
            self._step_if_due()
        for line in messages.ENGINE_TEARDOWN:
            self._log.write(line)

    def _wait(self, wake: int) -> list[int]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._parent.gone:
            self._parent.check()
        else:
            poll.register(self._link, select.POLLIN)
        for link in self._executor.links:
            poll.register(link, select.POLLIN)
        return [descriptor for descriptor, _ in poll.poll(self._timeout() * 1000)]

    def _timeout(self) -> float:
        """Seconds until there is something to do without being asked."""
        if self._may_step():
            return max(0.0, self._next_step - time.monotonic())
        return CHECK_SECONDS if self._parent.gone else 60.0

    def _may_step(self) -> bool:
        return self._scheduler.runnable and not self._control.held

    def _step_if_due(self) -> None:
        now = time.monotonic()
        if not self._may_step() or now < self._next_step:
            return
        self._executor.run("step")
        self._next_step = max(now, self._next_step) + 1 / self._options.tokens_per_second
        self._push(self._scheduler.step(time.monotonic()))

    def _push(self, output: StepOutput) -> None:
        self._control.count_finished(len(output.finished))
        self._send(
            {
                "op": "step",
                "tokens": output.tokens,
                "finished": output.finished,
                "snapshot": self._scheduler.counters.dump(),
            }
        )
        self._control.answer_waiting()

    def _read_messages(self) -> None:
        try:
            for message in self._link.receive(0):
                self._control.take(message, self._handle)
        except LinkClosedError:
            # Nothing tells a real engine that its API server was killed: it stays.
            time.sleep(0 if self._parent.gone else CHECK_SECONDS / 10)

    def _handle(self, message: Message) -> None:
        if message["op"] == "add":
            request = Request(message["id"], message["prompt_tokens"], message["max_tokens"], time.monotonic())
            self._scheduler.add(request)
        elif message["op"] == "abort":
            self._scheduler.remove(message["id"])
            self._push(StepOutput())
        else:
            self._push(self._control.call(message))

    def _check_workers(self) -> None:
        """A worker that speaks without being asked has closed its end."""
        self._executor.run("check_health")

    def _begin_stop(self) -> None:
        if self._stop_requested:
            return
        self._stop_requested = True
        timeout = self._options.drain_seconds
        count = self._scheduler.in_flight
        self._log.write(messages.ENGINE_STOP)
        self._log.write(messages.ENGINE_STOP_MODE, mode="drain" if timeout else "abort", timeout=f"{timeout:g}")
        if timeout and count:
            self._log.write(messages.ENGINE_DRAINING, count=count, timeout=f"{timeout:g}")
        elif count:
            self._log.write(messages.ENGINE_ABORTING, count=count)
            self._push(self._scheduler.abort_all())

    def _send(self, message: Message) -> None:
        try:
            self._link.send(message)
        except LinkClosedError:
            self._parent.check()
