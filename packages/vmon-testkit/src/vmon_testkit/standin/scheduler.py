"""The batch scheduler of an engine core: who runs, who waits, and what each step counts. No I/O, no clock."""

from __future__ import annotations

from collections import deque

import attrs

from vmon_testkit.standin.counters import Snapshot
from vmon_testkit.standin.options import BLOCK_SIZE


@attrs.define
class Request:
    """One request in the engine; times are seconds on the engine's clock.

    Attributes:
        request_id: the API server's name for it.
        prompt_tokens: length of the prompt.
        max_tokens: tokens to generate.
        arrived: when it came in.
        scheduled: when it was first admitted.
        first_token: when its first token came.
        last_token: when its latest token came.
        generated: tokens so far.
        preemptions: how often it was sent back to the queue.
    """

    request_id: str
    prompt_tokens: int
    max_tokens: int
    arrived: float
    scheduled: float | None = None
    first_token: float | None = None
    last_token: float = 0.0
    generated: int = 0
    preemptions: int = 0

    @property
    def blocks(self) -> int:
        """KV blocks that it holds while it runs."""
        return -(-(self.prompt_tokens + self.generated + 1) // BLOCK_SIZE)


@attrs.define
class Faults:
    """What is wrong with the scheduler at the moment."""

    frozen_gauges: bool = False
    livelock: bool = False
    corrupt: bool = False
    preempt_every: int | None = None


@attrs.frozen
class StepOutput:
    """What one step sends to the API server.

    Attributes:
        tokens: requests that got a token.
        finished: the reason for each request that ended.
    """

    tokens: tuple[str, ...] = ()
    finished: dict[str, str] = attrs.field(factory=dict)


@attrs.define
class Scheduler:
    """Continuous batching: admit while there is room, then give every running request one token a step.

    Attributes:
        max_num_seqs: requests that may run at once.
        kv_blocks: blocks that may be held at once.
        counters: where everything is counted.
        faults: what is wrong.
        admitting: whether waiting requests may start; off while paused.
    """

    max_num_seqs: int
    kv_blocks: int
    counters: Snapshot
    faults: Faults = attrs.field(factory=Faults)
    admitting: bool = True
    running: list[Request] = attrs.field(factory=list)
    waiting: deque[Request] = attrs.field(factory=deque)
    steps: int = 0

    @property
    def in_flight(self) -> int:
        """Requests that are not finished."""
        return len(self.running) + len(self.waiting)

    @property
    def runnable(self) -> bool:
        """Whether a step would do anything."""
        return bool(self.running or (self.waiting and self.admitting))

    def add(self, request: Request) -> None:
        """Queue a request."""
        self.waiting.append(request)

    def remove(self, request_id: str) -> None:
        """Forget a request whose client hung up; vLLM counts those nowhere."""
        self.running = [request for request in self.running if request.request_id != request_id]
        self.waiting = deque(request for request in self.waiting if request.request_id != request_id)
        self._set_gauges()

    def abort_all(self) -> StepOutput:
        """End every request with the reason `abort`."""
        aborted = [*self.running, *self.waiting]
        self.running.clear()
        self.waiting.clear()
        self.counters.add("vllm:request_success_total|abort", len(aborted))
        self._set_gauges()
        return StepOutput(finished=dict.fromkeys((request.request_id for request in aborted), "abort"))

    def step(self, now: float) -> StepOutput:
        """Run one engine step at `now`."""
        self.steps += 1
        self._admit(now)
        self._preempt()
        if self.faults.livelock:
            self.counters.observe("vllm:iteration_tokens_total", 0)
            self._set_gauges()
            return StepOutput()
        prompt_tokens = sum(self._generate(request, now) for request in self.running)
        tokens = tuple(request.request_id for request in self.running)
        self._count_step(prompt_tokens, len(tokens))
        done = [request for request in self.running if request.generated >= request.max_tokens]
        for request in done:
            self.running.remove(request)
            self._count_finished(request, now)
        self._set_gauges()
        return StepOutput(tokens, {request.request_id: "length" for request in done})

    def _preempt(self) -> None:
        every = self.faults.preempt_every
        if every and self.running and self.steps % every == 0:
            victim = self.running.pop()
            victim.preemptions += 1
            self.waiting.appendleft(victim)
            self.counters.add("vllm:num_preemptions_total")

    def _admit(self, now: float) -> None:
        free = self.kv_blocks - sum(request.blocks for request in self.running)
        while self.admitting and self.waiting and len(self.running) < self.max_num_seqs:
            request = self.waiting[0]
            if request.blocks > free and self.running:
                return
            free -= request.blocks
            request.scheduled = now if request.scheduled is None else request.scheduled
            self.running.append(self.waiting.popleft())

    def _generate(self, request: Request, now: float) -> int:
        """Give the request a token; returns the prompt tokens that this step computed for it."""
        prefill = request.prompt_tokens if request.first_token is None else 0
        if request.first_token is None:
            request.first_token = now
            self.counters.observe("vllm:time_to_first_token_seconds", now - request.arrived)
        else:
            self.counters.observe("vllm:inter_token_latency_seconds", now - request.last_token)
        request.last_token = now
        request.generated += 1
        return prefill

    def _count_step(self, prompt_tokens: int, generated: int) -> None:
        self.counters.observe("vllm:iteration_tokens_total", prompt_tokens + generated)
        self.counters.add("vllm:generation_tokens_total", generated)
        for key in (
            "vllm:prompt_tokens_total",
            "vllm:prompt_tokens_by_source_total|local_compute",
            "vllm:prefix_cache_queries_total",
        ):
            self.counters.add(key, prompt_tokens)

    def _count_finished(self, request: Request, now: float) -> None:
        assert request.scheduled is not None  # noqa: S101 (narrows the type: a running request was admitted)
        assert request.first_token is not None  # noqa: S101 (likewise: it got its tokens)
        decode = now - request.first_token
        observed = {
            "e2e_request_latency_seconds": now - request.arrived,
            "request_queue_time_seconds": request.scheduled - request.arrived,
            "request_inference_time_seconds": now - request.scheduled,
            "request_prefill_time_seconds": request.first_token - request.scheduled,
            "request_decode_time_seconds": decode,
            "request_time_per_output_token_seconds": decode / max(request.generated - 1, 1),
            "request_prompt_tokens": request.prompt_tokens,
            "request_generation_tokens": request.generated,
            "request_max_num_generation_tokens": request.max_tokens,
            "request_params_n": 1,
            "request_params_max_tokens": request.max_tokens,
            "request_num_preemptions": request.preemptions,
            "request_prefill_kv_computed_tokens": request.prompt_tokens,
        }
        for name, value in observed.items():
            self.counters.observe(f"vllm:{name}", value)
        self.counters.add("vllm:request_success_total|length")
        if self.faults.corrupt:
            self.counters.add("vllm:corrupted_requests_total")

    def _set_gauges(self) -> None:
        if self.faults.frozen_gauges:
            return
        held = sum(request.blocks for request in self.running)
        self.counters.values |= {
            "vllm:num_requests_running": len(self.running),
            "vllm:num_requests_waiting": len(self.waiting),
            "vllm:num_requests_waiting_by_reason|capacity": len(self.waiting),
            "vllm:kv_cache_usage_perc": held / self.kv_blocks,
        }
