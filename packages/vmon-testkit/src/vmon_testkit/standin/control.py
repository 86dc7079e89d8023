"""Utility calls into the engine (pause, sleep, caches, health) and the faults that hold it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vmon_testkit.standin import messages
from vmon_testkit.standin.executor import Executor
from vmon_testkit.standin.link import Link, Message
from vmon_testkit.standin.logs import Log
from vmon_testkit.standin.scheduler import Scheduler, StepOutput

if TYPE_CHECKING:
    from collections.abc import Callable


UNPAUSED = "UNPAUSED"
PAUSED_NEW = "PAUSED_NEW"
PAUSED_ALL = "PAUSED_ALL"


class CallFailedError(Exception):
    """A utility call that the engine answers with an error."""


@attrs.define
class Control:
    """The state of one engine that calls and faults change.

    Attributes:
        scheduler: whom to pause.
        executor: the workers.
        log: the engine's log.
        link: where answers go.
        pause_state: as vLLM names it.
        asleep: whether /sleep was called.
    """

    scheduler: Scheduler
    executor: Executor
    log: Log
    link: Link
    pause_state: str = UNPAUSED
    asleep: bool = False
    _hang_after: float | None = None
    _finished: int = 0
    _backlog: list[Message] = attrs.field(factory=list)
    _drained: list[Message] = attrs.field(factory=list)

    @property
    def hung(self) -> bool:
        """Whether the `hang` fault is on and due."""
        return self._hang_after is not None and self._finished >= self._hang_after

    @property
    def held(self) -> bool:
        """Whether no step may run."""
        return self.hung or self.pause_state == PAUSED_ALL

    def count_finished(self, count: int) -> None:
        """Note finished requests, for a hang that comes after some of them."""
        self._finished += count

    def take(self, message: Message, handle: Callable[[Message], None]) -> None:
        """Pass a message on to `handle`, at once or when a hang is over; faults are taken in here."""
        if message["op"] == "fault":
            self._set_fault(message["name"], message["parameters"])
            if not self.hung:
                backlog, self._backlog = self._backlog, []
                for held_back in backlog:
                    handle(held_back)
        elif self.hung:
            self._backlog.append(message)
        else:
            handle(message)

    def _set_fault(self, name: str, parameters: dict[str, float] | None) -> None:
        """Turn a fault on, or off with None."""
        faults = self.scheduler.faults
        on = parameters is not None
        if name == "hang":
            self._hang_after = parameters["after_requests"] if parameters is not None else None
        elif name == "preemptions":
            faults.preempt_every = int(parameters["every_steps"]) if parameters is not None else None
        elif name == "frozen_gauges":
            faults.frozen_gauges = on
        elif name == "livelock":
            faults.livelock = on
        elif name == "nan":
            faults.corrupt = on

    def call(self, message: Message) -> StepOutput:
        """Carry out a utility call and answer it; returns what to push to the API server."""
        method, arguments = message["method"], message["arguments"]
        output = StepOutput()
        if method in {"pause", "sleep"}:
            output = self._pause(method, **arguments)
            if arguments.get("mode") == "wait" and self.scheduler.running:
                self._drained.append(message)
                return output
        try:
            self._answer(message, value=self._result(method, arguments))
        except CallFailedError as failure:
            self._answer(message, error=str(failure))
        return output

    def answer_waiting(self) -> None:
        """Answer the calls that waited for the running requests to end."""
        if self._drained and not self.scheduler.running:
            waiting, self._drained = self._drained, []
            for message in waiting:
                self._answer(message, value=None)

    def _answer(self, message: Message, **outcome: object) -> None:
        self.link.send({"op": "result", "call": message["call"], **outcome})

    def _result(self, method: str, arguments: dict[str, Any]) -> object:
        if method == "is_paused":
            return self.pause_state != UNPAUSED
        if method == "is_sleeping":
            return self.asleep or self.pause_state != UNPAUSED
        if method == "resume":
            self._set_pause(UNPAUSED)
        elif method == "wake_up":
            self._wake(**arguments)
        elif method == "reset_prefix_cache":
            return self._reset_prefix_cache()
        elif method == "check_health":
            self.executor.run("check_health")
            return [None] * len(self.executor.links)
        elif method not in {"pause", "sleep"}:
            self.log.write(messages.UTILITY_FAILED, method="collective_rpc")
            message = f"'CPUWorker' object has no attribute '{method}'"
            raise CallFailedError(message)
        return None

    def _pause(self, method: str, *, mode: str, level: int = 0) -> StepOutput:
        self._set_pause(PAUSED_ALL if mode == "keep" else PAUSED_NEW)
        output = self.scheduler.abort_all() if mode == "abort" else StepOutput()
        if method == "sleep":
            self.asleep = True
            if level:
                self._reset_prefix_cache()
                self.log.write(messages.ASLEEP)
        return output

    def _wake(self, *, tags: list[str] | None) -> None:
        self.asleep = False
        if tags != ["scheduling"]:
            self.log.write(messages.AWAKE, tags=set(tags or ("weights", "kv_cache")))
        self._set_pause(UNPAUSED)

    def _set_pause(self, state: str) -> None:
        self.pause_state = state
        self.scheduler.admitting = state == UNPAUSED
        self.log.write(messages.PAUSE_STATE, state=state)

    def _reset_prefix_cache(self) -> bool:
        blocks = sum(request.blocks for request in self.scheduler.running)
        if blocks:
            self.log.write(messages.CACHE_NOT_RESET, blocks=blocks)
        else:
            self.log.write(messages.CACHE_RESET)
        return not blocks
