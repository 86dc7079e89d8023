"""The batch scheduler: order, limits, counters and faults, without a process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_testkit.standin.counters import Snapshot
from vmon_testkit.standin.exposition import bucket_bounds, read_template
from vmon_testkit.standin.scheduler import Request, Scheduler

BOUNDS = bucket_bounds(read_template())


def make(max_num_seqs: int = 2, kv_blocks: int = 100) -> Scheduler:
    """A scheduler with small limits."""
    return Scheduler(max_num_seqs, kv_blocks, Snapshot.empty(BOUNDS))


def test_a_request_runs_to_its_length() -> None:
    """Each step gives one token; the last one ends the request and counts it."""
    scheduler = make()
    scheduler.add(Request("a", 5, 3, arrived=0.0))
    outputs = [scheduler.step(float(now)) for now in (1, 2, 3)]
    assert [output.tokens for output in outputs] == [("a",)] * 3
    assert outputs[-1].finished == {"a": "length"}
    values = scheduler.counters.values
    assert values["vllm:generation_tokens_total"] == 3
    assert values["vllm:prompt_tokens_total"] == 5
    assert values["vllm:request_success_total|length"] == 1
    assert scheduler.counters.histograms["vllm:time_to_first_token_seconds"].total == 1.0
    assert scheduler.counters.histograms["vllm:e2e_request_latency_seconds"].total == 3.0


def test_the_rest_waits() -> None:
    """No more than max_num_seqs run; the gauge shows the others."""
    scheduler = make(max_num_seqs=2)
    for name in "abc":
        scheduler.add(Request(name, 5, 9, arrived=0.0))
    assert scheduler.step(1.0).tokens == ("a", "b")
    assert scheduler.counters.values["vllm:num_requests_waiting"] == 1


def test_memory_limits_the_batch() -> None:
    """A request whose blocks do not fit waits, unless it is alone."""
    scheduler = make(max_num_seqs=8, kv_blocks=2)
    scheduler.add(Request("a", 200, 9, arrived=0.0))
    scheduler.add(Request("b", 200, 9, arrived=0.0))
    assert scheduler.step(1.0).tokens == ("a",)
    assert scheduler.counters.values["vllm:kv_cache_usage_perc"] == 1.0


def test_a_livelock_steps_without_tokens() -> None:
    """Iterations are counted, tokens are not."""
    scheduler = make()
    scheduler.faults.livelock = True
    scheduler.add(Request("a", 5, 3, arrived=0.0))
    assert not scheduler.step(1.0).tokens
    assert sum(scheduler.counters.histograms["vllm:iteration_tokens_total"].counts) == 1
    assert scheduler.counters.values["vllm:generation_tokens_total"] == 0
    assert scheduler.counters.values["vllm:num_requests_running"] == 1


def test_frozen_gauges_keep_their_value() -> None:
    """Counters go on while gauges stand still."""
    scheduler = make()
    scheduler.add(Request("a", 5, 3, arrived=0.0))
    scheduler.step(1.0)
    scheduler.faults.frozen_gauges = True
    scheduler.step(2.0)
    scheduler.step(3.0)
    assert scheduler.counters.values["vllm:num_requests_running"] == 1
    assert scheduler.counters.values["vllm:generation_tokens_total"] == 3


def test_a_preempted_request_comes_back() -> None:
    """It loses a turn, is counted, and still gets all of its tokens."""
    scheduler = make()
    scheduler.faults.preempt_every = 2
    scheduler.add(Request("a", 5, 3, arrived=0.0))
    finished = [scheduler.step(float(now)).finished for now in range(1, 6)]
    assert finished[-1] == {"a": "length"}
    assert scheduler.counters.values["vllm:num_preemptions_total"] == 2


def test_abort_ends_everybody() -> None:
    """Running and waiting requests end with the same reason."""
    scheduler = make(max_num_seqs=1)
    for name in "ab":
        scheduler.add(Request(name, 5, 9, arrived=0.0))
    scheduler.step(1.0)
    assert scheduler.abort_all().finished == {"a": "abort", "b": "abort"}
    assert scheduler.in_flight == 0


def test_a_removed_request_is_forgotten() -> None:
    """Its client hung up: nothing counts it."""
    scheduler = make()
    scheduler.add(Request("a", 5, 9, arrived=0.0))
    scheduler.step(1.0)
    scheduler.remove("a")
    assert scheduler.in_flight == 0
    assert not any(value for key, value in scheduler.counters.values.items() if key.startswith("vllm:request_success"))


@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(1, 20)), max_size=12),
    st.integers(1, 4),
    st.integers(1, 6),
    st.one_of(st.none(), st.integers(2, 5)),
)
def test_every_request_gets_exactly_its_tokens(
    sizes: list[tuple[int, int]], max_num_seqs: int, kv_blocks: int, preempt_every: int | None
) -> None:
    """Whatever the limits and preemptions, all requests end, and the counters agree with what was delivered."""
    scheduler = make(max_num_seqs, kv_blocks)
    scheduler.faults.preempt_every = preempt_every
    for number, (prompt, tokens) in enumerate(sizes):
        scheduler.add(Request(str(number), prompt, tokens, arrived=0.0))
    delivered = 0
    for now in range(1, 2000):
        if not scheduler.runnable:
            break
        output = scheduler.step(float(now))
        assert len(output.tokens) <= max_num_seqs
        delivered += len(output.tokens)
    assert scheduler.in_flight == 0
    assert delivered == sum(tokens for _, tokens in sizes)
    assert scheduler.counters.values["vllm:generation_tokens_total"] == delivered
    assert scheduler.counters.values["vllm:prompt_tokens_total"] == sum(prompt for prompt, _ in sizes)


@pytest.mark.parametrize("admitting", [True, False])
def test_a_paused_scheduler_holds_new_requests(*, admitting: bool) -> None:
    """While it does not admit, a waiting request makes no work."""
    scheduler = make()
    scheduler.admitting = admitting
    scheduler.add(Request("a", 5, 3, arrived=0.0))
    assert scheduler.runnable is admitting
