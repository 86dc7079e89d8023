"""Failures by their message: a stable code, advice, and whether trying again can help.

Weight 3 is a named root cause, 2 a death whose cause another line may tell, 1 an echo of another process' failure.
Patterns are tried in order; the first that matches decides.
"""

from __future__ import annotations

import re

import attrs

ROOT, DEATH, ECHO = 3, 2, 1


@attrs.frozen
class FailureRule:
    """One kind of failure.

    Attributes:
        pattern: what its message looks like.
        code: its stable code.
        advice: what to do.
        weight: how much it explains.
        fatal: the server cannot live on.
        retry: the same command may work when tried again.
    """

    pattern: re.Pattern[str]
    code: str
    advice: str = ""
    weight: int = ROOT
    fatal: bool = True
    retry: bool = False


def _rule(pattern: str, code: str, advice: str = "", **options: bool | int) -> FailureRule:
    return FailureRule(re.compile(pattern), code, advice, **options)  # type: ignore[arg-type]  # each by its own name


_FREE_MEMORY = "Free memory on the host, or ask for less (VLLM_CPU_KVCACHE_SPACE, --max-model-len)."
_FREE_GPU = "Stop what else uses the GPU (`nvidia-smi`), or lower --gpu-memory-utilization."

FAILURES: tuple[FailureRule, ...] = (
    # --- arguments and configuration ---
    _rule(r"error: unrecognized arguments", "args.unknown_flag", "Compare the flag with `vllm serve --help=all`."),
    _rule(
        r"error: argument .*invalid choice", "args.invalid_choice", "Take one of the choices that the message names."
    ),
    _rule(r"error: argument .*(?:invalid|expected)", "args.invalid_value", "Correct the value of that argument."),
    _rule(r"error: the following arguments are required", "args.missing", "Give the arguments that are missing."),
    _rule(
        r"must be divisible by tensor parallel size",
        "config.parallel_layout",
        "Choose a tensor parallel size that divides the number of attention heads.",
    ),
    _rule(
        r"World size \(\d+\) is larger than the number of available GPUs",
        "config.parallel_layout",
        "Use fewer ranks, or make more GPUs visible (CUDA_VISIBLE_DEVICES).",
    ),
    _rule(
        r"[Pp]ipeline parallelism is not supported|must be divisible by .*parallel",
        "config.parallel_layout",
        "Choose another parallel layout for this model.",
    ),
    _rule(
        r"Sleep mode is not supported",
        "config.sleep_mode_unsupported",
        "Leave --enable-sleep-mode out: it needs a GPU.",
    ),
    _rule(
        r"model type `[^`]*` but Transformers does not recognize|Model architectures .* not supported"
        r"|has no vLLM implementation",
        "model.unknown_architecture",
        "Use a newer vLLM and transformers, or another model.",
    ),
    _rule(
        r"max_model_len \(\d+\) is greater than the derived max_model_len",
        "config.max_model_len",
        "Lower --max-model-len to what the model was made for.",
    ),
    _rule(
        r"(?:Unknown|Invalid) quantization method|[Qq]uantization method .* (?:does not match|is not supported)",
        "config.quantization",
        "Use the model's own quantization, or leave --quantization out.",
    ),
    _rule(
        r"Not enough allowed NUMA nodes to bind threads|CPU cores? .*(?:bind|reserve)",
        "config.cpu_binding",
        "Set VLLM_CPU_OMP_THREADS_BIND=nobind, or use fewer ranks.",
    ),
    _rule(
        r"No valid attention backend found|Selected backend .* is not valid",
        "config.attention_backend",
        "Choose an attention backend that this GPU and model support.",
    ),
    _rule(
        r"Failed to infer device type|CUDA platform is not available",
        "cuda.unavailable",
        "Check the driver (`nvidia-smi`) and that this build of vLLM fits it.",
    ),
    _rule(
        r"no kernel image is available for execution on the device",
        "cuda.unsupported_device",
        "Use a build of vLLM for this GPU's compute capability.",
    ),
    # --- the model ---
    _rule(
        r"is not a valid JSON file|Expecting property name enclosed in double quotes",
        "model.config_unreadable",
        "Download the model's config.json again.",
    ),
    _rule(
        r"Repo id must be in the form|is not a local folder and is not a valid model identifier"
        r"|Repository Not Found|RepositoryNotFoundError",
        "model.not_found",
        "Check the path or name of the model; a missing folder is taken for a hub name.",
    ),
    _rule(
        r"Cannot find an appropriate cached snapshot folder|outgoing traffic has been disabled|LocalEntryNotFoundError",
        "model.not_cached_offline",
        "Download the model first, or go online (HF_HUB_OFFLINE).",
        retry=True,
    ),
    _rule(
        r"gated repo|Access to model .* is restricted|401 Client Error|403 Client Error",
        "model.gated",
        "Ask for access to the model and set HF_TOKEN.",
    ),
    _rule(r"Cannot find any model weights with", "model.no_weights", "Download the weights; the folder holds none."),
    _rule(
        r"SafetensorError|incomplete metadata, file not fully covered|header too large"
        r"|PytorchStreamReader failed|invalid load key",
        "model.weights_corrupt",
        "Download the weights again; a file is cut short or damaged.",
    ),
    _rule(
        r"size mismatch for|(?:Attempted|Tried) to load weights? .* parameter|assert .*loaded_weight\.(?:shape|size)"
        r"|were not initialized from checkpoint|shape mismatch|start \(\d+\) \+ length \(\d+\) exceeds dimension size",
        "model.weights_mismatch",
        "Weights and config.json do not belong together: download both again.",
    ),
    _rule(
        r"No space left on device|Disk quota exceeded",
        "disk.full",
        "Free disk space for the model and the caches.",
        retry=True,
    ),
    # --- memory ---
    _rule(
        r"To serve at least one request with the model's max seq len|No available memory for the cache blocks",
        "memory.kv_cache_too_small",
        "Lower --max-model-len, or give the KV cache more memory.",
    ),
    _rule(
        r"Free memory on device .* is less than desired GPU memory utilization",
        "memory.gpu_busy",
        _FREE_GPU,
        retry=True,
    ),
    _rule(
        r"CUDA out of memory|OutOfMemoryError|not enough GPU memory|HIP out of memory",
        "memory.gpu_exhausted",
        "Use a smaller model, more GPUs, a shorter --max-model-len or fewer --max-num-seqs.",
    ),
    _rule(
        r"Available memory on node \d+ .* is less than requested memory for kv", "memory.host_exhausted", _FREE_MEMORY
    ),
    _rule(
        r"DefaultCPUAllocator: can't allocate memory|Cannot allocate memory|MemoryError",
        "memory.host_exhausted",
        _FREE_MEMORY,
    ),
    _rule(
        r"Resource temporarily unavailable \(src/thread\.cpp"
        r"|can't start new thread|failed to map segment from shared object",
        "memory.address_space",
        "Raise the limits of the process (ulimit -v, ulimit -u, the container's pids limit).",
    ),
    _rule(
        r"Insufficient space in /dev/shm",
        "memory.shm_exhausted",
        "Give the container more /dev/shm (--shm-size or --ipc=host), and remove leftovers in it.",
    ),
    _rule(r"Too many open files", "files.exhausted", "Raise the limit of open files (ulimit -n 65535)."),
    # --- network and devices ---
    _rule(
        r"Address already in use", "port.in_use", "Stop what listens on the port, or choose another --port.", retry=True
    ),
    _rule(
        r"Watchdog caught collective operation timeout|ncclRemoteError|NCCL.* timed? ?out",
        "nccl.timeout",
        "A rank or link does not answer: look at each node's log and network.",
        retry=True,
    ),
    _rule(
        r"NCCL error|Failed to load NCCL library|ncclUnhandledCudaError|ncclSystemError|ncclInternalError",
        "nccl.error",
        "Run again with NCCL_DEBUG=INFO to see which link fails.",
        retry=True,
    ),
    _rule(
        r"CUDA error: (?:an illegal memory access|uncorrectable ECC|unspecified launch failure)|Xid",
        "gpu.fault",
        "Look for Xid messages in the kernel log; the GPU may be failing.",
        retry=True,
    ),
    _rule(
        r"RPC call to \w+ timed out",
        "rpc.timeout",
        "A worker did not answer in VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS: look at its stack next time.",
        retry=True,
    ),
    _rule(
        r"Timed out waiting for engine core processes to start|Did not receive response from front-end process",
        "engine.start_timeout",
        "Raise VLLM_ENGINE_READY_TIMEOUT_S, or find out which phase is slow.",
        retry=True,
    ),
    _rule(
        r"Failing \d+ request\(s\) due to KV load failure",
        "kv_transfer.failed",
        "Look at the KV connector's peer and network; kv_load_failure_policy=recompute keeps such requests alive.",
        fatal=False,
        retry=True,
    ),
    _rule(
        r"Fault detected in EP all2all communication",
        "ep.rank_unreachable",
        "A rank does not answer: look at the log, GPU and network of the ranks that the mask names.",
        fatal=False,
        retry=True,
    ),
    _rule(
        r"NaNs detected in logits",
        "model.corrupt_output",
        "Answers are wrong: compare the weights with their source, and look for GPU memory errors (ECC, Xid).",
        fatal=False,
    ),
    # --- deaths ---
    _rule(
        r"Worker proc \S+ died unexpectedly",
        "worker.died",
        "Look for an out-of-memory kill (dmesg) and GPU errors.",
        weight=DEATH,
        retry=True,
    ),
    _rule(
        r"WorkerProc initialization failed due to an exception in a background process",
        "worker.died",
        "Without an error of a worker above it, the worker was killed: look at dmesg and memory limits.",
        weight=DEATH,
        retry=True,
    ),
    _rule(
        r"engine core exited unexpectedly|Engine core process \S+ died unexpectedly",
        "engine.died",
        "Look for an out-of-memory kill (dmesg) and GPU errors.",
        weight=DEATH,
        retry=True,
    ),
    _rule(
        r"\[FT\] Busy loop raised",
        "engine.fault",
        "The engine waits to be told to retry (POST /fault_tolerance/apply); look at the traceback of the rank.",
        weight=DEATH,
        fatal=False,
        retry=True,
    ),
    _rule(
        r"\[FT\] No recovery within",
        "engine.died",
        "Nobody told the engine to retry after its fault: look at the traceback of the rank.",
        weight=DEATH,
        retry=True,
    ),
    _rule(
        r"validation errors? for \w*(?:Config|Args)\b",
        "config.invalid_value",
        "The next lines of the log name the setting and what it takes.",
        weight=DEATH,
    ),
    _rule(r"Process ApiServer_\d+ .* died with exit code", "api_server.died", weight=DEATH, retry=True),
    # --- echoes ---
    _rule(r"Exception occurred while running API servers", "api_server.died", weight=ECHO, retry=True),
    _rule(r"EngineDeadError", "engine.died", weight=ECHO, retry=True),
    _rule(r"Engine core initialization failed|EngineCore failed to start", "engine.died", weight=ECHO),
    _rule(r"EngineCore encountered a fatal error", "engine.died", weight=ECHO, retry=True),
    _rule(r"WorkerProc failed to start", "worker.died", weight=ECHO),
)
"""From the most specific to the echoes."""
