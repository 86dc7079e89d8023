"""A worker process: loads the "model", then answers each step of its engine with a little work."""

from __future__ import annotations

import os
import time

import attrs
import setproctitle

from vmon_testkit.standin import messages
from vmon_testkit.standin.link import Link, LinkClosedError
from vmon_testkit.standin.logs import Log, emit
from vmon_testkit.standin.options import Options
from vmon_testkit.standin.parent import Parent
from vmon_testkit.standin.phases import spend

WORK_SECONDS = 0.0004
"""CPU time per step: enough for a monitor to see that a busy worker works, little enough for a test machine."""

LINGER_SECONDS = 0.3
"""How long a worker outlives its engine; 2.6 s were recorded on a busy machine."""

_SHARDS = 4


@attrs.frozen
class Worker:
    """One worker of one engine.

    Attributes:
        options: the stand-in's settings.
        rank: its tensor-parallel rank.
        link: to the engine.
        engine_pid: its parent.
        token: what the ranks of one engine share in the name of their rendezvous file.
    """

    options: Options
    rank: int
    link: Link
    token: str
    engine_pid: int

    def run(self) -> int:
        """Start, then work until the engine is gone; returns the exit code."""
        parent = Parent(self.engine_pid, LINGER_SECONDS)
        log = self._join(parent)
        if failure := self._load(log, parent):
            log.write(messages.WORKER_FAILED, traceback=failure)
            return 1
        self.link.send({"op": "ready"})
        try:
            while True:
                self._answer()
        except LinkClosedError:
            log.write(messages.PARENT_EXITED)
            time.sleep(LINGER_SECONDS)
        return 0

    def _join(self, parent: Parent) -> Log:
        """Import, rendezvous with the other ranks, and take on the title of the rank."""
        spend(self.options.phases["connecting_workers"], parent.check)
        setproctitle.setproctitle("VLLM::Worker")
        size = self.options.tensor_parallel_size
        log = Log("Worker", os.getpid(), self.options.json_log)
        log.write(messages.DISTRIBUTED, world_size=size, rank=self.rank, token=self.token)
        if self.rank == 0:
            log.write(messages.RANK_ASSIGNED, world_size=size, rank=self.rank)
        if size == 1:
            return log
        setproctitle.setproctitle(f"VLLM::Worker_TP{self.rank}")
        return attrs.evolve(log, process=f"Worker_TP{self.rank}")

    def _load(self, log: Log, parent: Parent) -> str | None:
        """Load weights and compile; returns the traceback of a failure that the scenario asks for."""
        seconds = self.options.phases["loading_weights"]
        log.write(messages.LOADING, model=self.options.model)
        if self.rank == 0:
            log.write(messages.MODEL_BUILT, seconds=seconds / (_SHARDS + 1))
            log.write(messages.FILESYSTEM)
        for done in range(_SHARDS + 1):
            self._show_progress(log, done)
            if done == 1 and (failure := self._failure()):
                return failure
            spend(seconds / (_SHARDS + 1), parent.check)
        if self.rank == 0:
            emit("\n")
            log.write(messages.WEIGHTS_LOADED, seconds=seconds)
        self._compile(log, parent)
        log.write(messages.KV_EXPLICIT)
        return None

    def _show_progress(self, log: Log, done: int) -> None:
        if self.rank == 0:
            log.progress(messages.SHARDS.format(percent=100 * done // _SHARDS, done=done, total=_SHARDS))

    def _compile(self, log: Log, parent: Parent) -> None:
        if self.options.enforce_eager:
            return
        log.write(messages.COMPILING)
        spend(self.options.phases["compiling"], parent.check)
        log.write(messages.COMPILED)
        log.write(messages.COMPILE_DONE)

    def _failure(self) -> str | None:
        if oom := self.options.fault("oom_text"):
            error = messages.OOM_CUDA if oom["device"] == "cuda" else messages.OOM_CPU
            return messages.traceback("vllm/v1/worker/gpu_model_runner.py", 5147, "load_model", error)
        start = self.options.fault("fail_start") or {}
        if start.get("cause") == "weights_corrupt":
            where = "vllm/model_executor/model_loader/weight_utils.py"
            return messages.traceback(where, 1186, "safetensors_weights_iterator", messages.WEIGHTS_CORRUPT)
        return None

    def _answer(self) -> None:
        for message in self.link.receive():
            end = time.thread_time() + WORK_SECONDS
            while time.thread_time() < end:
                pass
            self.link.send({"op": "done", "of": message["op"]})
