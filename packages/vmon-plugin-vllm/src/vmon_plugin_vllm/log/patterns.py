"""Every message of vLLM's log that tells something, as data: an anchor, a pattern, and what to make of it.

The messages are those of vLLM 0.32. Files and line numbers in them move, so only the text counts. Messages that only
GPU builds print were read in the source and not seen running.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import attrs

from vmon_core import evidence as ev
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.redaction import redact_mapping
from vmon_plugin_vllm.log.lines import LogRecord, shown

S = LifecycleState


@attrs.frozen
class Rule:
    """One kind of message.

    Attributes:
        anchor: a literal part of it, by whose longest word it is found quickly.
        build: makes the evidence; a ValueError says that a number in the message is none.
        pattern: what must match; the anchor alone when it is None.
    """

    anchor: str
    build: Callable[[re.Match[str], LogRecord, float], ev.Evidence | None]
    pattern: re.Pattern[str]


def _rule(anchor: str, build: Callable[..., ev.Evidence | None], pattern: str = "") -> Rule:
    return Rule(anchor, build, re.compile(pattern or re.escape(anchor)))


def phase(state: LifecycleState) -> Callable[..., ev.Evidence]:
    """Make a builder that says "this phase was reached"."""

    def build(_match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
        return ev.PhaseReached(
            time=time, state=state, process=record.process, pid=record.pid, summary=shown(record.message)
        )

    return build


def _progress(state: LifecycleState) -> Callable[..., ev.Evidence]:
    def build(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
        done, total = int(match["done"]), int(match["total"])
        return ev.PhaseProgressed(time=time, state=state, done=done, total=total, summary=shown(record.message))

    return build


def _described(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    facts = {name: _typed(value) for name, value in match.groupdict().items() if value is not None}
    return ev.ServerDescribed(time=time, facts=facts, summary=shown(record.message))


def _typed(text: str) -> Any:  # noqa: ANN401 (number or text)
    number = text.replace(",", "")
    return int(number) if number.isdecimal() else text


def _arguments(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence | None:
    """Read `non-default args: {…}`; it is Python's notation, so only literals are taken."""
    try:
        facts = ast.literal_eval(match["arguments"])
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return phase(S.INITIALIZING)(match, record, time)
    if not isinstance(facts, dict):
        return None
    return ev.ServerDescribed(time=time, facts=redact_mapping(facts), summary="non-default arguments")


def _api_servers(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    return ev.ApiServersExpected(time=time, count=int(match["count"]), summary=shown(record.message))


def _started(_match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    return ev.ServerStarted(time=time, summary=shown(record.message))


def _statistics(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    return ev.EngineReported(
        time=time,
        engine=match["engine"],
        running=int(match["running"]),
        waiting=int(match["waiting"]),
        prompt_tokens_per_second=float(match["prompt"]),
        generation_tokens_per_second=float(match["generation"]),
        summary=shown(record.message),
    )


def _paused(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    mode = match["mode"]
    return ev.SchedulerPaused(time=time, paused=mode != "UNPAUSED", mode=mode, summary=shown(record.message))


def _sleep(state: LifecycleState) -> Callable[..., ev.Evidence]:
    def build(_match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
        return ev.SleepChanged(time=time, state=state, summary=shown(record.message))

    return build


def _scaling(*, active: bool) -> Callable[..., ev.Evidence]:
    def build(_match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
        return ev.MaintenanceChanged(time=time, state=S.SCALING, active=active, summary=shown(record.message))

    return build


def _stopping(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    groups = match.groupdict()
    timeout = float(groups["timeout"]) if groups.get("timeout") else None
    draining = groups.get("mode") == "drain"
    return ev.StopAcknowledged(
        time=time, draining=draining, timeout=timeout if draining else None, summary=shown(record.message)
    )


def _compiled(_match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    return ev.RuntimeCompiled(time=time, summary=shown(record.message))


def _silent_worker(_match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    return ev.SuspicionRaised(time=time, code="worker.unresponsive", summary=shown(record.message))


def _dead_thread(match: re.Match[str], record: LogRecord, time: float) -> ev.Evidence:
    """The thread that hands out answers is the one whose death no probe shows."""
    conclusive = match["name"] in ("process_output_sockets", "process_input_sockets")
    code = "engine.unresponsive"
    return ev.SuspicionRaised(time=time, code=code, conclusive=conclusive, summary=shown(record.message))


_NUMBER = r"\d+(?:\.\d+)?"

RULES: tuple[Rule, ...] = (
    # --- start-up, API server ---
    _rule("version ", _described, r"(?:█|server) +version (?P<version>\d[\w.+-]*)"),
    _rule("non-default args: ", phase(S.INITIALIZING)),
    _rule("non-default args: ", _arguments, r"non-default args: (?P<arguments>\{.*\})"),
    _rule("Resolved architecture: ", _described, r"Resolved architecture: (?P<architecture>\S+)"),
    _rule("Using max model len ", _described, r"Using max model len (?P<max_model_len>\d+)"),
    _rule(
        "Chunked prefill is enabled with ",
        _described,
        r"with max_num_batched_tokens=(?P<max_num_batched_tokens>\d+)",
    ),
    _rule("Started DP Coordinator process", phase(S.STARTING_ENGINE)),
    _rule("API server processes", phase(S.STARTING_ENGINE), r"Started \d+ API server processes"),
    _rule("API server processes", _api_servers, r"Started (?P<count>\d+) API server processes"),
    # --- engine core ---
    _rule("Initializing a V1 LLM engine", phase(S.STARTING_ENGINE)),
    _rule("Initializing a V1 LLM engine", _described, r"engine \(v(?P<version>[^)]+)\)"),
    _rule("tensor_parallel_size=", _described, r"tensor_parallel_size=(?P<tensor_parallel_size>\d+)"),
    _rule("pipeline_parallel_size=", _described, r"pipeline_parallel_size=(?P<pipeline_parallel_size>\d+)"),
    _rule("data_parallel_size=", _described, r"data_parallel_size=(?P<data_parallel_size>\d+)"),
    _rule("DP group leader: ", phase(S.CONNECTING_WORKERS)),
    # --- workers ---
    _rule("distributed_init_method=", phase(S.CONNECTING_WORKERS), r"world_size=\d+ rank=\d+"),
    _rule("vLLM is using nccl==", _described, r"vLLM is using nccl==(?P<nccl>\S+)"),
    _rule("Custom allreduce is disabled because ", phase(S.CONNECTING_WORKERS)),
    _rule(
        "Custom allreduce is disabled ",
        _described,
        r"is disabled (?:because|due to) (?P<custom_all_reduce_off>.+?)(?:\. To silence.*|\. Supported.*|\.?$)",
    ),
    _rule("all-reduce backends (in dispatch order)", phase(S.CONNECTING_WORKERS)),
    _rule(
        "all-reduce backends (in dispatch order)",
        _described,
        r"Using (?P<all_reduce>\[.*?\]) all-reduce backends .* for group 'tp",
    ),
    _rule("is assigned as DP rank", phase(S.CONNECTING_WORKERS)),
    _rule("Starting to load model ", phase(S.LOADING_WEIGHTS)),
    _rule("Loading model from scratch", phase(S.LOADING_WEIGHTS)),
    _rule(
        " attention backend out of potential backends",
        _described,
        r"Using (?P<attention_backend>\S+) attention backend",
    ),
    _rule("Initializing model took ", phase(S.LOADING_WEIGHTS)),
    _rule("Time spent downloading weights for ", phase(S.DOWNLOADING_WEIGHTS)),
    _rule("Downloading weights", phase(S.DOWNLOADING_WEIGHTS)),
    _rule("Filesystem type for checkpoints: ", phase(S.LOADING_WEIGHTS)),
    _rule(
        "Completed | ",
        _progress(S.LOADING_WEIGHTS),
        r"[Ll]oading .*?\d+% Completed \| (?P<done>\d+)/(?P<total>[1-9]\d*)",
    ),
    _rule("Prefetching checkpoint files: ", _progress(S.LOADING_WEIGHTS), r"% \((?P<done>\d+)/(?P<total>[1-9]\d*)\)"),
    _rule("Loading weights took ", phase(S.LOADING_WEIGHTS)),
    _rule("Model loading took ", phase(S.LOADING_WEIGHTS)),
    _rule("Starting torch.compile", phase(S.COMPILING)),
    _rule("for vLLM's torch.compile", phase(S.COMPILING), r"Using cache directory: "),
    _rule("vLLM's torch.compile cache is disabled", phase(S.COMPILING)),
    _rule("Dynamo bytecode transform time", phase(S.COMPILING)),
    _rule("Cache the graph of compile range", phase(S.COMPILING)),
    _rule("Compiling a graph for compile range", phase(S.COMPILING)),
    _rule("saved AOT compiled function to ", phase(S.COMPILING)),
    _rule("Directly load ", phase(S.COMPILING), r"Directly load (?:the compiled graph|AOT compilation)"),
    _rule("Warming up model for the compilation", phase(S.COMPILING)),
    _rule("torch.compile took ", phase(S.COMPILING)),
    _rule("Profiling CUDA graph memory", phase(S.PROFILING_MEMORY)),
    _rule("Initial profiling/warmup run took", phase(S.PROFILING_MEMORY)),
    _rule("Estimated CUDA graph memory: ", phase(S.PROFILING_MEMORY)),
    _rule("Available KV cache memory: ", phase(S.PROFILING_MEMORY)),
    _rule("Auto-fit max_model_len: ", _described, r"reduced from \d+ to (?P<max_model_len>\d+)"),
    _rule("num_gpu_blocks_override=", _described, r"with num_gpu_blocks_override=(?P<num_gpu_blocks>\d+)"),
    _rule("KV cache size: ", phase(S.ALLOCATING_KV_CACHE)),
    _rule("KV cache size: ", _described, r"KV cache size: (?P<kv_cache_tokens>[\d,]+) tokens"),
    _rule("Capturing CUDA graphs", _progress(S.CAPTURING_GRAPHS), r"\| +(?P<done>\d+)/(?P<total>[1-9]\d*) \["),
    _rule("Graph capturing finished", phase(S.CAPTURING_GRAPHS)),
    _rule("CUDA graph pool memory: ", phase(S.CAPTURING_GRAPHS)),
    _rule("JIT kernel warmup starting", phase(S.WARMING_UP)),
    _rule("init engine (profile, create kv cache, warmup model) took", phase(S.WARMING_UP)),
    # --- API server again ---
    _rule("Supported tasks: ", phase(S.STARTING_SERVER)),
    _rule("Starting vLLM server on ", phase(S.STARTING_SERVER)),
    _rule("Application startup complete.", _started),
    # --- running ---
    _rule(
        "Avg prompt throughput: ",
        _statistics,
        rf"(?P<engine>Engine \d+|\d+ Engines Aggregated): Avg prompt throughput: (?P<prompt>{_NUMBER}) tokens/s, "
        rf"Avg generation throughput: (?P<generation>{_NUMBER}) tokens/s, Running: (?P<running>\d+) reqs, "
        r"Waiting: (?P<waiting>\d+) reqs",
    ),
    _rule("setting pause state to ", _paused, r"setting pause state to (?P<mode>\w+)"),
    _rule("seconds to fall asleep", _sleep(S.SLEEPING)),
    _rule("Executor is already sleeping", _sleep(S.SLEEPING)),
    _rule("seconds to wake up", _sleep(S.IDLE)),
    _rule("No available shared memory broadcast block", _silent_worker),
    _rule("Exception in thread ", _dead_thread, r"Exception in thread \S+ \((?P<name>\w+)\)"),
    _rule("JIT compilation during inference", _compiled),
    _rule("[Elastic EP] Received reconfiguration request", _scaling(active=True)),
    _rule("completed, new data parallel size: ", _scaling(active=False)),
    # --- shutdown ---
    _rule("API server: shutdown triggered", _stopping),
    _rule("stopping engine client mode=", _stopping, rf"mode=(?P<mode>\w+) timeout=(?P<timeout>{_NUMBER})s"),
    _rule(
        "draining in-flight requests",
        _stopping,
        rf"(?P<mode>drain)ing in-flight requests count=\d+ timeout=(?P<timeout>{_NUMBER})s",
    ),
)
"""In the order of a server's life; a message may match several."""
