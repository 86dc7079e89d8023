"""The log lines of vLLM 0.32.0 that the stand-in prints, copied from recordings of the real one.

The recordings are runs of the CPU build; `OOM_CUDA` alone was read in the source of vLLM and PyTorch.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Line:
    """One kind of log record.

    Attributes:
        where: `file.py:line` as in the text format.
        logger: the logger's name as in the JSON format.
        text: the message; `{name}` marks what `Log.write` fills in.
        level: as printed.
    """

    where: str
    logger: str
    text: str
    level: str = "INFO"


_SERVE = "vllm.entrypoints.serve.utils.api_utils"
_LAUNCHER = "vllm.entrypoints.launchers.launcher"
_ENTRY = "vllm.entrypoints.launchers.api_server.entry"
_CORE = "vllm.v1.engine.core"
_CLIENT = "vllm.v1.engine.core_client"
_EXECUTOR = "vllm.v1.executor.multiproc_executor"
_UTILS = "vllm.v1.utils"
_WEIGHTS = "vllm.model_executor.model_loader.weight_utils"

# Start-up, API server
BANNER = Line(
    "api_utils.py:347",
    _SERVE,
    "\n"
    "       █     █     █▄   ▄█\n"
    " ▄▄ ▄█ █     █     █ ▀▄▀ █  version {version}\n"
    "  █▄█▀ █     █     █     █  model   {model}\n"
    "   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀\n",
)
BANNER_JSON = Line("launcher.py:0", _LAUNCHER, "vLLM server version {version}, serving model {model}")
ARGUMENTS = Line("api_utils.py:286", _SERVE, "non-default args: {arguments}")
ARCHITECTURE = Line("model.py:733", "vllm.config.model", "Resolved architecture: LlamaForCausalLM")
MAX_MODEL_LEN = Line("model.py:2152", "vllm.config.model", "Using max model len {max_model_len}")
EAGER = Line(
    "vllm.py:1703",
    "vllm.config.vllm",
    "Enforce eager set, disabling torch.compile, CUDAGraphs, and JIT kernel warmup. This is equivalent to setting "
    "-cc.mode=none -cc.cudagraph_mode=none and --kernel_config.enable_jit_warmup=False",
    "WARNING",
)
FUSIONS = Line("compilation.py:317", "vllm.config.compilation", "Enabled custom fusions: norm_quant, act_quant")

# Start-up, engine core
ENGINE_INIT = Line(
    "core.py:133",
    _CORE,
    "Initializing a V1 LLM engine (v{version}) with config: model='{model}', speculative_config=None, "
    "tokenizer='{model}', skip_tokenizer_init=False, dtype=torch.bfloat16, max_seq_len={max_model_len}, "
    "load_format=auto, tensor_parallel_size={tensor_parallel_size}, pipeline_parallel_size=1, "
    "data_parallel_size={data_parallel_size}, quantization=None, enforce_eager={enforce_eager}, kv_cache_dtype=auto, "
    "device_config=cpu, seed=0, served_model_name={served_model_name}, enable_prefix_caching=True, "
    "enable_chunked_prefill=True",
)
GROUP_LEADER = Line(
    "multiproc_executor.py:153",
    _EXECUTOR,
    "DP group leader: node_rank=0, node_rank_within_dp=0, master_addr=127.0.0.1, mq_connect_ip=127.0.0.1 (local), "
    "world_size={world_size}, local_world_size={world_size}",
)
KV_CACHE_SIZE = Line(
    "kv_cache_utils.py:2327",
    "vllm.v1.core.kv_cache_utils",
    "CPU KV cache size: {tokens:,} tokens, Maximum concurrency for {max_model_len:,} tokens per request: "
    "{concurrency:.2f}x",
)
ENGINE_READY = Line("core.py:402", _CORE, "init engine (profile, create kv cache, warmup model) took {seconds:.2f} s")

# Start-up, worker
DISTRIBUTED = Line(
    "parallel_state.py:1906",
    "vllm.distributed.parallel_state",
    "world_size={world_size} rank={rank} local_rank={rank} "
    "distributed_init_method=file:///tmp/vllm_dist_{token} backend=gloo",
)
RANK_ASSIGNED = Line(
    "parallel_state.py:2350",
    "vllm.distributed.parallel_state",
    "rank {rank} in world size {world_size} is assigned as DP rank 0, PP rank 0, PCP rank 0, TP rank {rank}, "
    "ETP rank {rank}, EP rank N/A, EPLB rank N/A",
)
LOADING = Line("cpu_model_runner.py:68", "vllm.v1.worker.cpu_model_runner", "Starting to load model {model}...")
MODEL_BUILT = Line(
    "base_loader.py:82",
    "vllm.model_executor.model_loader.base_loader",
    "Initializing model took {seconds:.6f} seconds",
)
FILESYSTEM = Line(
    "weight_utils.py:1108",
    _WEIGHTS,
    "Filesystem type for checkpoints: EXT4. Checkpoint size: 0.00 GiB. Available RAM: 19.65 GiB.",
)
SHARDS = "Loading safetensors checkpoint shards: {percent:3d}% Completed | {done}/{total} [00:00<00:00, 118.49it/s]\n"
WEIGHTS_LOADED = Line(
    "default_loader.py:501",
    "vllm.model_executor.model_loader.default_loader",
    "Loading weights took {seconds:.2f} seconds",
)
COMPILING = Line("cpu_model_runner.py:87", "vllm.v1.worker.cpu_model_runner", "Warming up model for the compilation...")
COMPILED = Line(
    "decorators.py:743",
    "vllm.compilation.decorators",
    "[backbone] saved AOT compiled function to /var/cache/vllm/torch_compile_cache/torch_aot_compile/d01c5ab3/model",
)
COMPILE_DONE = Line("cpu_model_runner.py:91", "vllm.v1.worker.cpu_model_runner", "Warming up done.")
KV_EXPLICIT = Line(
    "cpu_worker.py:260", "vllm.v1.worker.cpu_worker", "Explicitly set (1.0/17.71) GiB for KV cache on node 0."
)

# Start-up, server
SUPPORTED_TASKS = Line("entry.py:136", _ENTRY, "Supported tasks: ['generate']")
STARTING_SERVER = Line("entry.py:140", _ENTRY, "Starting vLLM server on http://{host}:{port}")
ROUTES = Line("launcher.py:186", _LAUNCHER, "Available routes are:")
ROUTE = Line("launcher.py:195", _LAUNCHER, "Route: {path}, Methods: {methods}")

# Running
STATS = Line(
    "loggers.py:335",
    "vllm.v1.metrics.loggers",
    "Engine {engine:03d}: Avg prompt throughput: {prompt:.1f} tokens/s, Avg generation throughput: "
    "{generation:.1f} tokens/s, Running: {running} reqs, Waiting: {waiting} reqs, CPU KV cache usage: {kv:.1f}%, "
    "Prefix cache hit rate: {hits:.1f}%",
)
NO_BLOCK = Line(
    "shm_broadcast.py:871",
    "vllm.distributed.device_communicators.shm_broadcast",
    "No available shared memory broadcast block found in {seconds:.0f} seconds. This typically happens when some "
    "processes are hanging or doing some time-consuming work (e.g. compilation, weight/kv cache quantization).",
)
PAUSE_STATE = Line("scheduler.py:2756", "vllm.v1.core.sched.scheduler", "setting pause state to {state}")
ASLEEP = Line("abstract.py:390", "vllm.v1.executor.abstract", "It took 0.000306 seconds to fall asleep.")
AWAKE = Line(
    "abstract.py:408",
    "vllm.v1.executor.abstract",
    "It took 0.000788 seconds to wake up tags {tags}.",
)
WAKE_UP = Line("api_router.py:50", "vllm.entrypoints.serve.sleep.api_router", "wake up the engine with tags: {tags}")
CACHE_RESET = Line("block_pool.py:861", "vllm.v1.core.block_pool", "Successfully reset prefix cache")
CACHE_NOT_RESET = Line(
    "block_pool.py:839",
    "vllm.v1.core.block_pool",
    "Failed to reset prefix cache because some blocks ({blocks}) are not freed yet",
    "WARNING",
)
UTILITY_FAILED = Line("core.py:1750", _CORE, "Invocation of {method} method failed", "ERROR")

# Death
WORKER_DIED = Line(
    "multiproc_executor.py:315",
    _EXECUTOR,
    "Worker proc VllmWorker-{rank} died unexpectedly (exit code: None), shutting down executor.",
    "ERROR",
)
DUMPED = Line(
    "dump_input.py:81",
    "vllm.logging_utils.dump_input",
    "Dumping scheduler stats: SchedulerStats(num_running_reqs={running}, num_waiting_reqs={waiting})",
    "ERROR",
)
FATAL = Line(
    "core.py:1512",
    _CORE,
    "EngineCore encountered a fatal error.\n"
    "Traceback (most recent call last):\n"
    '  File "vllm/v1/engine/core.py", line 1496, in run_engine_core\n'
    "    engine_core.run_busy_loop()\n"
    '  File "vllm/distributed/device_communicators/shm_broadcast.py", line 867, in acquire_read\n'
    "{error}",
    "ERROR",
)
PARENT_EXITED = Line("multiproc_executor.py:843", _EXECUTOR, "Parent process exited, terminating worker queues")
ENGINE_EXITED = Line(
    "core_client.py:817",
    _CLIENT,
    "[shutdown] MPClient: engine core exited unexpectedly; starting cleanup",
    "WARNING",
)
OUTPUT_HANDLER_FAILED = Line(
    "async_llm.py:906",
    "vllm.v1.engine.async_llm",
    "AsyncLLM output_handler failed.\n"
    "Traceback (most recent call last):\n"
    '  File "vllm/v1/engine/async_llm.py", line 849, in output_handler\n'
    "    outputs = await engine_core.get_output_async()\n"
    '  File "vllm/v1/engine/core_client.py", line 1235, in get_output_async\n'
    "    raise self._format_exception(outputs) from None\n"
    "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. "
    "See stack trace (above) for the root cause.",
    "ERROR",
)
DP_ENGINE_DIED = Line("utils.py:591", _UTILS, "Engine core process {engine} died unexpectedly.", "ERROR")
ENGINE_DEAD_ERROR = "EngineCore encountered an issue. See stack trace (above) for the root cause."

# Stop, API server
STOP_TRIGGERED = Line("launcher.py:254", _LAUNCHER, "[shutdown] API server: shutdown triggered")
STOP_MODE = Line(
    "launcher.py:270", _LAUNCHER, "[shutdown] API server: stopping engine client mode={mode} timeout={timeout}s"
)
CLIENT_STOP = Line("core_client.py:770", _CLIENT, "[shutdown] MPClient: start timeout={timeout}")
MANAGER_STOPPING = Line("core_client.py:772", _CLIENT, "[shutdown] MPClient: stopping engine manager")
SEND_SIGTERM = Line("utils.py:628", _UTILS, "[shutdown] Process manager: send sigterm to process {engine}")
FORCE_KILLING = Line(
    "utils.py:648", _UTILS, "[shutdown] Process manager: force killing remaining processes count={count}", "WARNING"
)
FORCE_KILLING_ENGINE = Line(
    "utils.py:653",
    _UTILS,
    "[shutdown] Process manager: force killing remaining process {engine} pid {pid}",
    "WARNING",
)
FORCE_KILLING_WORKER = Line(
    "system_utils.py:225",
    "vllm.utils.system_utils",
    "[shutdown] force killing sub process {title} pid {pid}",
    "WARNING",
)
CLIENT_STOPPED = (
    Line("core_client.py:774", _CLIENT, "[shutdown] MPClient: engine manager stopped"),
    Line("core_client.py:775", _CLIENT, "[shutdown] MPClient: cleaning up background resources"),
    Line("core_client.py:777", _CLIENT, "[shutdown] MPClient: complete"),
)
ENGINE_CLIENT_STOPPED = (
    Line("launcher.py:279", _LAUNCHER, "[shutdown] API server: engine client stopped"),
    Line("launcher.py:282", _LAUNCHER, "[shutdown] API server: signalling HTTP server shutdown"),
)
HTTP_SHUTDOWN = Line("launcher.py:304", _LAUNCHER, "[shutdown] API server: shutting down FastAPI HTTP server")

# Stop, engine core
ENGINE_STOP = Line("core.py:1454", _CORE, "[shutdown] EngineCore: trigger received signal=SIGTERM")
ENGINE_STOP_MODE = Line("core.py:1635", _CORE, "[shutdown] EngineCore: start mode={mode} timeout={timeout}s")
ENGINE_ABORTING = Line("core.py:1644", _CORE, "[shutdown] EngineCore: aborting in-flight requests count={count}")
ENGINE_DRAINING = Line(
    "core.py:1655",
    _CORE,
    "[shutdown] EngineCore: draining in-flight requests count={count} timeout={timeout}s",
)
ENGINE_TEARDOWN = (
    Line("core.py:1666", _CORE, "[shutdown] EngineCore: request processing complete; starting resource teardown"),
    Line("core.py:1499", _CORE, "[shutdown] EngineCore: exiting busy loop"),
)
WORKERS_WAIT = Line(
    "multiproc_executor.py:479", _EXECUTOR, "[shutdown] Executor: waiting for worker exit count={count}"
)
WORKERS_EXITED = Line("multiproc_executor.py:486", _EXECUTOR, "[shutdown] Executor: all workers exited gracefully")

# A start that fails
WORKER_FAILED = Line("multiproc_executor.py:953", _EXECUTOR, "WorkerProc failed to start.\n{traceback}", "ERROR")
ENGINE_FAILED = Line("core.py:1510", _CORE, "EngineCore failed to start.\n{traceback}", "ERROR")
OOM_CUDA = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB "
    "of which 1.12 GiB is free. Process 1 has 77.90 GiB memory in use."
)
OOM_CPU = (
    "RuntimeError: [enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 107374182400 bytes. Error code 12 (Cannot allocate memory)"
)
WEIGHTS_CORRUPT = (
    "safetensors._safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, "
    "file not fully covered"
)
KV_TOO_SMALL = (
    "ValueError: To serve at least one request with the model's max seq len ({max_model_len}), (1.91 GiB KV cache is "
    "needed, which is larger than the available KV cache memory (1.0 GiB). Based on the available memory, the "
    "estimated maximum model length is 2097024. Try increasing `gpu_memory_utilization` or decreasing "
    "`max_model_len` when initializing the engine."
)
WORKER_INIT_FAILED = (
    "Exception: WorkerProc initialization failed due to an exception in a background process. "
    "See stack trace for root cause."
)
ENGINE_INIT_FAILED = (
    "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {failed}"
)
PORT_IN_USE = "OSError: [Errno 98] Address already in use"
USAGE = (
    "usage: vllm [-h] [-v]\n"
    "            {chat,complete,serve,launch,bench,collect-env,download-kernels,preload,run-batch,snapshot}\n"
    "            ...\n"
    "vllm: error: unrecognized arguments: --no-such-flag 1\n"
)


def traceback(file: str, number: int, function: str, error: str) -> str:
    """The text of a traceback with one frame, as vLLM prints it.

    >>> print(traceback("vllm/v1/engine/core.py", 157, "__init__", "ValueError: no"))
    Traceback (most recent call last):
      File "vllm/v1/engine/core.py", line 157, in __init__
    ValueError: no
    """
    return f'Traceback (most recent call last):\n  File "{file}", line {number}, in {function}\n{error}'
