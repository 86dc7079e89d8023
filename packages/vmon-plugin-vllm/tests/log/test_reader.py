"""From log lines to evidence: every message that we claim to know, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core import evidence as ev
from vmon_core.lifecycle.states import LifecycleState as S
from vmon_plugin_vllm.log.lines import LINE_LIMIT, LineSplitter, parse_line
from vmon_plugin_vllm.log.patterns import RULES
from vmon_plugin_vllm.log.reader import LogReader

TRACES = Path(__file__).parents[4] / "tests" / "traces"
PREFIX = "(EngineCore_DP1 pid=42) INFO 11-24 03:01:34 [core.py:133] "

MESSAGES: dict[str, tuple[type[ev.Evidence], dict[str, Any]]] = {
    "non-default args: {'model': 'm', 'api_key': ['secret']}": (
        ev.ServerDescribed,
        {"facts": {"model": "m", "api_key": ["***"]}},
    ),
    "  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0": (ev.ServerDescribed, {"facts": {"version": "0.32.0"}}),
    "vLLM server version 0.32.0, serving model m": (ev.ServerDescribed, {"facts": {"version": "0.32.0"}}),
    "Resolved architecture: LlamaForCausalLM": (ev.ServerDescribed, {"facts": {"architecture": "LlamaForCausalLM"}}),
    "Using max model len 1024": (ev.ServerDescribed, {"facts": {"max_model_len": 1024}}),
    "Chunked prefill is enabled with max_num_batched_tokens=2048.": (
        ev.ServerDescribed,
        {"facts": {"max_num_batched_tokens": 2048}},
    ),
    "Started DP Coordinator process (PID: 9)": (ev.PhaseReached, {"state": S.STARTING_ENGINE}),
    "Started 2 API server processes": (ev.ApiServersExpected, {"count": 2}),
    "Initializing a V1 LLM engine (v0.32.0) with config: tensor_parallel_size=2, pipeline_parallel_size=1, "
    "data_parallel_size=1": (ev.PhaseReached, {"state": S.STARTING_ENGINE}),
    "DP group leader: node_rank=0": (ev.PhaseReached, {"state": S.CONNECTING_WORKERS}),
    "world_size=2 rank=1 local_rank=1 distributed_init_method=tcp://x backend=nccl": (
        ev.PhaseReached,
        {"state": S.CONNECTING_WORKERS},
    ),
    "vLLM is using nccl==2.27.3": (ev.ServerDescribed, {"facts": {"nccl": "2.27.3"}}),
    "Custom allreduce is disabled because your platform lacks GPU P2P capability": (
        ev.PhaseReached,
        {"state": S.CONNECTING_WORKERS},
    ),
    "Using ['NCCL'] all-reduce backends (in dispatch order) for group 'tp:0'": (
        ev.PhaseReached,
        {"state": S.CONNECTING_WORKERS},
    ),
    "rank 0 in world size 1 is assigned as DP rank 0, PP rank 0": (ev.PhaseReached, {"state": S.CONNECTING_WORKERS}),
    "Starting to load model /m...": (ev.PhaseReached, {"state": S.LOADING_WEIGHTS}),
    "Loading model from scratch...": (ev.PhaseReached, {"state": S.LOADING_WEIGHTS}),
    "Using FLASH_ATTN attention backend out of potential backends: ['FLASH_ATTN']": (
        ev.ServerDescribed,
        {"facts": {"attention_backend": "FLASH_ATTN"}},
    ),
    "Initializing model took 0.200000 seconds": (ev.PhaseReached, {"state": S.LOADING_WEIGHTS}),
    "Downloading weights from the hub": (ev.PhaseReached, {"state": S.DOWNLOADING_WEIGHTS}),
    "Time spent downloading weights for m: 3.000000 seconds": (ev.PhaseReached, {"state": S.DOWNLOADING_WEIGHTS}),
    "Filesystem type for checkpoints: EXT4.": (ev.PhaseReached, {"state": S.LOADING_WEIGHTS}),
    "Loading safetensors checkpoint shards:  25% Completed | 2/8 [00:01<00:03]": (
        ev.PhaseProgressed,
        {"state": S.LOADING_WEIGHTS, "done": 2, "total": 8},
    ),
    "Multi-thread loading shards:  50% Completed | 4/8 [00:01<00:03]": (
        ev.PhaseProgressed,
        {"state": S.LOADING_WEIGHTS, "done": 4, "total": 8},
    ),
    "Prefetching checkpoint files: 50% (4/8)": (ev.PhaseProgressed, {"done": 4, "total": 8}),
    "Loading weights took 0.01 seconds": (ev.PhaseReached, {"state": S.LOADING_WEIGHTS}),
    "Model loading took 4.2 GiB memory and 3.0 seconds": (ev.PhaseReached, {"state": S.LOADING_WEIGHTS}),
    "Starting torch.compile": (ev.PhaseReached, {"state": S.COMPILING}),
    "Using cache directory: /x for vLLM's torch.compile": (ev.PhaseReached, {"state": S.COMPILING}),
    "vLLM's torch.compile cache is disabled.": (ev.PhaseReached, {"state": S.COMPILING}),
    "Custom allreduce is disabled because your platform lacks GPU P2P capability or P2P test failed. To silence this "
    "warning, specify disable_custom_all_reduce=True explicitly.": (
        ev.ServerDescribed,
        {"facts": {"custom_all_reduce_off": "your platform lacks GPU P2P capability or P2P test failed"}},
    ),
    "Custom allreduce is disabled due to an unsupported world size: 3. Supported world sizes: [2, 4]. To silence": (
        ev.ServerDescribed,
        {"facts": {"custom_all_reduce_off": "an unsupported world size: 3"}},
    ),
    "Using ['CUSTOM', 'PYNCCL'] all-reduce backends (in dispatch order) for group 'tp:0' out of 9": (
        ev.ServerDescribed,
        {"facts": {"all_reduce": "['CUSTOM', 'PYNCCL']"}},
    ),
    "Dynamo bytecode transform time: 3.1 s": (ev.PhaseReached, {"state": S.COMPILING}),
    "Cache the graph of compile range (1, 8) for later use": (ev.PhaseReached, {"state": S.COMPILING}),
    "Compiling a graph for compile range (1, 8) takes 3.1 s": (ev.PhaseReached, {"state": S.COMPILING}),
    "saved AOT compiled function to /x": (ev.PhaseReached, {"state": S.COMPILING}),
    "Directly load AOT compilation from path /x": (ev.PhaseReached, {"state": S.COMPILING}),
    "Warming up model for the compilation...": (ev.PhaseReached, {"state": S.COMPILING}),
    "torch.compile took 3.1 s in total": (ev.PhaseReached, {"state": S.COMPILING}),
    "Profiling CUDA graph memory: x": (ev.PhaseReached, {"state": S.PROFILING_MEMORY}),
    "Initial profiling/warmup run took 0.20 s": (ev.PhaseReached, {"state": S.PROFILING_MEMORY}),
    "Estimated CUDA graph memory: 0.50 GiB total": (ev.PhaseReached, {"state": S.PROFILING_MEMORY}),
    "Auto-fit max_model_len: reduced from 8192 to 4096 to fit in available GPU memory": (
        ev.ServerDescribed,
        {"facts": {"max_model_len": 4096}},
    ),
    "Overriding num_gpu_blocks=100 with num_gpu_blocks_override=50": (
        ev.ServerDescribed,
        {"facts": {"num_gpu_blocks": 50}},
    ),
    "Available KV cache memory: 12.3 GiB": (ev.PhaseReached, {"state": S.PROFILING_MEMORY}),
    "GPU KV cache size: 2,097,152 tokens, Maximum concurrency": (ev.PhaseReached, {"state": S.ALLOCATING_KV_CACHE}),
    "Capturing CUDA graphs (decode, FULL):  50%|█████     | 5/10 [00:01<00:01]": (
        ev.PhaseProgressed,
        {"state": S.CAPTURING_GRAPHS, "done": 5, "total": 10},
    ),
    "Graph capturing finished in 3 secs, took 0.50 GiB": (ev.PhaseReached, {"state": S.CAPTURING_GRAPHS}),
    "CUDA graph pool memory: 0.5 GiB (actual), 0.6 GiB (estimated)": (ev.PhaseReached, {"state": S.CAPTURING_GRAPHS}),
    "JIT kernel warmup starting.": (ev.PhaseReached, {"state": S.WARMING_UP}),
    "init engine (profile, create kv cache, warmup model) took 3.67 s": (ev.PhaseReached, {"state": S.WARMING_UP}),
    "Supported tasks: ['generate']": (ev.PhaseReached, {"state": S.STARTING_SERVER}),
    "Starting vLLM server on http://0.0.0.0:8000": (ev.PhaseReached, {"state": S.STARTING_SERVER}),
    "Application startup complete.": (ev.ServerStarted, {}),
    "Engine 000: Avg prompt throughput: 6.7 tokens/s, Avg generation throughput: 147.7 tokens/s, Running: 2 reqs, "
    "Waiting: 1 reqs, GPU KV cache usage: 0.0%": (ev.EngineReported, {"running": 2, "waiting": 1}),
    "setting pause state to PAUSED_ALL": (ev.SchedulerPaused, {"paused": True, "mode": "PAUSED_ALL"}),
    "setting pause state to UNPAUSED": (ev.SchedulerPaused, {"paused": False}),
    "It took 0.500000 seconds to fall asleep.": (ev.SleepChanged, {"state": S.SLEEPING}),
    "Executor is already sleeping.": (ev.SleepChanged, {"state": S.SLEEPING}),
    "It took 0.500000 seconds to wake up tags {'weights'}.": (ev.SleepChanged, {"state": S.IDLE}),
    "No available shared memory broadcast block found in 60 seconds.": (
        ev.SuspicionRaised,
        {"code": "worker.unresponsive", "conclusive": False},
    ),
    "Exception in thread Thread-2 (process_output_sockets):": (ev.SuspicionRaised, {"conclusive": True}),
    "Exception in thread Thread-9 (somebody_else):": (ev.SuspicionRaised, {"conclusive": False}),
    "Triton kernel JIT compilation during inference took 2 s": (ev.RuntimeCompiled, {}),
    "[Elastic EP] Received reconfiguration request and starting scaling up": (
        ev.MaintenanceChanged,
        {"state": S.SCALING, "active": True},
    ),
    "[Elastic EP] Scale up completed, new data parallel size: 4": (ev.MaintenanceChanged, {"active": False}),
    "[shutdown] API server: shutdown triggered": (ev.StopAcknowledged, {"draining": False}),
    "[shutdown] API server: stopping engine client mode=drain timeout=60s": (
        ev.StopAcknowledged,
        {"draining": True, "timeout": 60.0},
    ),
    "[shutdown] EngineCore: draining in-flight requests count=4 timeout=60s": (ev.StopAcknowledged, {"draining": True}),
}
"""A message of each kind and what it must tell."""


@pytest.mark.parametrize("message", MESSAGES)
def test_message_tells_what_it_means(message: str) -> None:
    """Each known message gives its evidence, with its fields."""
    kind, fields = MESSAGES[message]
    found = LogReader().feed(PREFIX + message, 7.0)
    matching = [e for e in found if type(e) is kind and all(getattr(e, k) == v for k, v in fields.items())]
    assert matching, found
    assert all(e.time == 7.0 for e in found)


def test_no_rule_without_an_example() -> None:
    """A rule that no example reaches could be wrong for ever."""
    lost = [r.pattern.pattern for r in RULES if not any(r.pattern.search(m) for m in MESSAGES)]
    assert lost == []


def test_warnings_are_no_failures() -> None:
    """The same words in a warning of a healthy start mean nothing; a lost engine is told in a warning, and does."""
    assert LogReader().feed("(Worker pid=5) WARNING 11-24 03:01:34 [x.py:1] Exception: Too many open files", 1.0) == []
    for told in (
        "MPClient: engine core exited unexpectedly",
        "[FT] Busy loop raised ValueError. Waiting for recovery.",
    ):
        line = f"(APIServer pid=5) WARNING 11-24 03:01:34 [x.py:1] {told}"
        assert [e.kind for e in LogReader().feed(line, 1.0)] == ["FailureSeen"]


def test_json_lines_give_the_same_as_plain_ones() -> None:
    """The JSON formatter changes the form and nothing else."""
    data = {
        "levelname": "INFO",
        "process": 42,
        "vllm_process_name": "EngineCore_DP1",
        "message": "Starting torch.compile",
    }
    reader = LogReader()
    assert reader.feed(json.dumps(data), 1.0) == reader.feed(PREFIX + "Starting torch.compile", 1.0)


def test_recorded_json_log_gives_the_same_as_plain() -> None:
    """Every record of a whole life, written in plain lines instead, tells the same."""
    rows = [json.loads(line)["line"] for line in (TRACES / "json_native" / "log.jsonl").read_text().splitlines()]
    records = [line for line in rows if line.startswith("{")]
    told = [LogReader().feed(line, 1.0) for line in records]
    assert told == [[e for line in plain(json.loads(r)) for e in LogReader().feed(line, 1.0)] for r in records]
    kinds = {type(evidence) for found in told for evidence in found}
    assert {ev.ServerStarted, ev.PhaseReached, ev.StopAcknowledged, ev.FailureSeen} <= kinds


def plain(record: dict[str, Any]) -> list[str]:
    """What the plain formatter makes of a JSON record: a line each, with the same prefix."""
    text = "\n".join(filter(None, [record["message"], record.get("exc_info")]))
    if record["name"].startswith("uvicorn"):
        return [f"{record['levelname']}:     {text}"]
    prefix = f"({record['vllm_process_name']} pid={record['process']}) {record['levelname']} 11-24 03:01:34 [x.py:1] "
    return [f"{prefix}{line}" for line in text.splitlines()]


def test_root_cause_in_the_traceback_of_a_json_record() -> None:
    """The JSON formatter keeps the traceback beside the message; its last line is what matters."""
    data = {
        "levelname": "ERROR",
        "vllm_process_name": "EngineCore",
        "message": "EngineCore failed to start.",
        "exc_info": "Traceback (most recent call last):\n  File 'x'\nAssertionError: no\nMemoryError",
    }
    found = LogReader().feed(json.dumps(data), 1.0)
    codes = [e.code for e in found if isinstance(e, ev.FailureSeen)]
    assert codes == ["engine.died", "engine.assertion", "memory.host_exhausted"]


@pytest.mark.parametrize(
    "line",
    [
        PREFIX + "Received request cmpl-1: params: SamplingParams(stop=['[shutdown] API server: shutdown triggered'])",
        PREFIX + "Request cmpl-1 details: prompt: 'Application startup complete.', prompt_token_ids: [1]",
        PREFIX + "Request cmpl-1 JSON body: {'prompt': 'CUDA out of memory'}",
        PREFIX.replace("INFO", "ERROR") + "  {'type': 'literal_error', 'input': 'CUDA out of memory'}",
        'INFO:     127.0.0.1:5 - "GET /Application%20startup%20complete. HTTP/1.1" 404 Not Found',
    ],
)
def test_clients_cannot_speak_for_the_server(line: str) -> None:
    """What a request holds is repeated in the log, and proves nothing."""
    assert LogReader().feed(line, 1.0) == []


def test_access_lines() -> None:
    """An inference request that was answered is a sign of life; our own probes are none."""
    line = 'INFO:     127.0.0.1:5 - "POST /v1/completions HTTP/1.1" 200 OK'
    assert LogReader().feed(line, 1.0) == [ev.RequestAnswered(time=1.0, path="/v1/completions", code=200)]
    assert LogReader().feed('INFO:     127.0.0.1:5 - "GET /health HTTP/1.1" 200 OK', 1.0) == []


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_in_any_pieces(data: bytes, size: int) -> None:
    """Nothing crashes the reader, and where the stream is cut makes no difference."""
    whole, pieces = LineSplitter(), LineSplitter()
    lines = whole.feed(data)
    assert [line for i in range(0, len(data), size) for line in pieces.feed(data[i : i + size])] == lines
    for line in lines:
        LogReader().feed(line, 0.0)


@pytest.mark.parametrize(
    "line",
    [
        '{"a":' * 10_000,
        '{"message":' + "[" * 60_000,
        f"(X pid={'9' * 5000}) INFO 11-24 03:01:34 [a.py:1] x",
        PREFIX + f"Loading shards: 5% Completed | {'9' * 5000}/{'8' * 5000}",
        PREFIX + f"Using max model len {'9' * 5000}",
        PREFIX + "draining in-flight requests count=4 timeout=..s",
        PREFIX + "stopping engine client mode=drain timeout=.s",
    ],
)
def test_absurd_lines_tell_nothing(line: str) -> None:
    """Nesting without end and numbers that are none, or of thousands of digits, crash nobody."""
    assert LogReader().feed(line, 0.0) == []


@pytest.mark.parametrize("arguments", ["{[]: 1}", "{1:" + "-" * 60_000 + "1}", "{1:" + "[" * 60_000 + "}", "{'a': x}"])
def test_arguments_that_are_no_literals(arguments: str) -> None:
    """The phase is reached all the same."""
    found = LogReader().feed(PREFIX + "non-default args: " + arguments, 0.0)
    assert {type(evidence) for evidence in found} == {ev.PhaseReached}


@given(st.text(max_size=200))
def test_any_text_after_a_prefix(text: str) -> None:
    """Nothing that a process logs crashes the reader."""
    LogReader().feed(PREFIX + text, 0.0)


def test_endless_line_is_cut() -> None:
    """A line of ten megabytes takes no more memory than its limit."""
    splitter = LineSplitter()
    for _ in range(10):
        assert splitter.feed(b"x" * (1 << 20)) == []
    assert [len(line) for line in splitter.feed(b"\nnext\n")] == [LINE_LIMIT, 4]


def test_colours_prefixes_and_depth() -> None:
    """Colours go, a prefix of the user's own is passed over, and who writes tells how deep it is."""
    (line,) = LineSplitter().feed(b"\x1b[1;36m(Worker_PP0_TP1 pid=7)\x1b[0;0m ERROR 11-24 03:01:34 [a.py:1] boom\r\n")
    assert parse_line(line).message == "boom"
    assert parse_line(f"[node-3] {line}").depth == 2
    assert parse_line("(EngineCore pid=7) INFO 11-24 03:01:34 [v1/a.py:1] x").depth == 1


@pytest.mark.parametrize("name", ["healthy_eager", "debug_log", "json_native", "tp2", "dp2", "compile_cold"])
def test_healthy_logs_hold_no_root_cause(name: str) -> None:
    """Nothing in the log of a good start looks like a failure."""
    reader = LogReader()
    rows = [json.loads(line) for line in (TRACES / name / "log.jsonl").read_text().splitlines()]
    found = [e for row in rows for e in reader.feed(row["line"], row["t"]) if isinstance(e, ev.FailureSeen)]
    assert [f for f in found if f.weight > 1] == []


def test_secrets_and_control_characters_do_not_pass() -> None:
    """What the log gives away is not kept, and nothing in it can move a terminal's cursor."""
    line = (
        PREFIX.replace("INFO", "ERROR") + "No space left on device http://u:pw@h api_key=sk-abcdef123456 \x1b]0;x\x07"
    )
    (failure,) = LogReader().feed(line, 1.0)
    assert isinstance(failure, ev.FailureSeen)
    for text in (failure.cause, failure.summary):
        assert "pw@" not in text
        assert "sk-abcdef123456" not in text
        assert text.isprintable()
