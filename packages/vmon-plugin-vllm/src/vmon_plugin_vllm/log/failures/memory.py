"""Failures for lack of something: memory of devices and hosts, disk, files, threads."""

from __future__ import annotations

from vmon_core.evidence import FailureCategory
from vmon_plugin_vllm.log.failures.rule import FailureRule, Remedy

_CAPACITY = FailureCategory.CAPACITY
_FREED = "once the memory is free"

_NEEDED = (
    r"max seq len \((?P<length>\d+)\)(?:, \((?P<needed>[\d.]+) GiB KV cache is needed, which is larger than"
    r" the available KV cache memory \((?P<found>[\d.]+) GiB\))?"
)
_NEEDS = "One request of {length} tokens needs {needed} GiB of KV cache, and there are {found} GiB."
_MORE_CACHE = (
    "give the cache more: a higher --gpu-memory-utilization, more ranks, --kv-cache-dtype fp8; on a CPU "
    "VLLM_CPU_KVCACHE_SPACE."
)

_CACHE = (
    FailureRule(
        pattern=_NEEDED + r".*maximum model length is (?P<fits>\d+)",
        code="memory.kv_cache_too_small",
        category=_CAPACITY,
        explanation=_NEEDS,
        fix="Set --max-model-len {fits} or less (or auto), or " + _MORE_CACHE,
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
    FailureRule(
        pattern=_NEEDED,
        code="memory.kv_cache_too_small",
        category=_CAPACITY,
        explanation=_NEEDS,
        fix="Lower --max-model-len, or " + _MORE_CACHE,
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
    FailureRule(
        pattern=r"No available memory for the cache blocks",
        code="memory.kv_cache_too_small",
        category=_CAPACITY,
        explanation="Weights and activations take all the memory that vLLM may use, and leave none for the KV cache.",
        fix="Raise --gpu-memory-utilization, or use more ranks, quantized weights, or lower --max-num-batched-tokens.",
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
)

_DEVICE = (
    FailureRule(
        pattern=r"Free memory on device (?P<device>\S+)(?: \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\))?.*less than"
        r" (?:desired GPU memory utilization|the engine's budget)(?:.*?\((?P<share>[\d.]+), (?P<wanted>[\d.]+) GiB\))?",
        code="memory.gpu_busy",
        category=FailureCategory.TRANSIENT,
        explanation="Other processes hold memory of {device}: {free} of {total} GiB are free, and vLLM wants {wanted}.",
        fix="Stop what else uses the GPU (`vmon devices` names it), or lower --gpu-memory-utilization from {share}.",
        again=_FREED,
        remedies=(Remedy.CLEANUP_MEMORY, Remedy.WAIT_VRAM, Remedy.RELAUNCH_REDUCED),
    ),
    FailureRule(
        pattern=r"out of memory occurred when warming up sampler with (?P<sequences>\d+) dummy requests",
        code="memory.gpu_exhausted",
        category=_CAPACITY,
        explanation="The GPU's memory was used up when the sampler was warmed up with {sequences} requests at a time.",
        fix="Set --max-num-seqs lower than {sequences}, or lower --gpu-memory-utilization.",
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
    FailureRule(
        pattern=r"Failed to load model - not enough GPU memory",
        code="memory.gpu_exhausted",
        category=_CAPACITY,
        explanation="The model's weights do not fit into the GPU's memory.",
        fix="Raise --tensor-parallel-size, use quantized weights or --cpu-offload-gb, or a smaller model.",
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
    FailureRule(
        pattern=r"(?:(?:CUDA|HIP|error:) out of memory|OutOfMemoryError: |CUBLAS_STATUS_ALLOC_FAILED)"
        r"(?:.*Tried to allocate (?P<size>[\d.]+ [KMGT]iB))?",
        code="memory.gpu_exhausted",
        category=_CAPACITY,
        explanation="The GPU's memory was used up when {size} more were asked for.",
        fix="While weights load: more ranks or quantized weights. Later: lower --max-num-batched-tokens, "
        "--max-num-seqs or --gpu-memory-utilization, or --enforce-eager.",
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
)

_HOST = (
    FailureRule(
        pattern=r"Available memory on node (?P<node>\d+) \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) .* is less than"
        r" requested memory for kv(?: \((?P<wanted>[\d.]+) GiB\))?",
        code="memory.host_exhausted",
        category=_CAPACITY,
        explanation="The KV cache is to have {wanted} GiB, and NUMA node {node} has {free} GiB free.",
        fix="Set VLLM_CPU_KVCACHE_SPACE (or --kv-cache-memory-bytes) to less than {free} GiB.",
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
    FailureRule(
        pattern=r"DefaultCPUAllocator: can't allocate memory(?:: you tried to allocate (?P<bytes>\d+) bytes)?"
        r"|Cannot allocate memory|\bMemoryError\b",
        code="memory.host_exhausted",
        category=_CAPACITY,
        explanation="The host, or the process' limit, had no memory left when {bytes} bytes were asked for.",
        fix="Free memory on the host or raise the limit (container, ulimit -v), or ask for less "
        "(VLLM_CPU_KVCACHE_SPACE, --max-model-len).",
        remedies=(Remedy.RELAUNCH_REDUCED,),
    ),
    FailureRule(
        pattern=r"Resource temporarily unavailable \(src/thread\.cpp"
        r"|can't start new thread|failed to map segment from shared object",
        code="memory.address_space",
        category=_CAPACITY,
        explanation="The process may not have more threads or address space: a limit is too low.",
        fix="Raise the limits of the process (ulimit -v, ulimit -u, the container's pids limit).",
    ),
    FailureRule(
        pattern=r"Insufficient space in /dev/shm"
        r"(?: for [^:]*: (?P<needed>[\d.]+) MiB required, (?P<free>[\d.]+) MiB free)?",
        code="memory.shm_exhausted",
        category=_CAPACITY,
        explanation="The workers need {needed} MiB of /dev/shm, and {free} MiB are left.",
        fix="Give the container more /dev/shm (--shm-size or --ipc=host), and remove leftovers in it.",
        again="once leftovers in /dev/shm are removed",
        remedies=(Remedy.CLEANUP_MEMORY,),
    ),
    FailureRule(
        pattern=r"Too many open files",
        code="files.exhausted",
        category=_CAPACITY,
        explanation="The process may not open more files.",
        fix="Raise the limit of open files (ulimit -n 65535).",
    ),
    FailureRule(
        pattern=r"No space left on device|Disk quota exceeded",
        code="disk.full",
        category=_CAPACITY,
        explanation="The disk, or its quota, is full.",
        fix="Free disk space for the model and the caches (HF_HOME, VLLM_CACHE_ROOT).",
        again="once there is space",
    ),
)

FAILURES: tuple[FailureRule, ...] = (*_CACHE, *_DEVICE, *_HOST)
"""Special ones before general ones."""
