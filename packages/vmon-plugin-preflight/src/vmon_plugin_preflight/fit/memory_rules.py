"""Rules about memory: what is free, whether the weights fit, whether one request of full length fits besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_preflight.fit.memory import Needs, activation_bytes, offloaded, read_needs
from vmon_plugin_preflight.fit.plan import read_plan
from vmon_plugin_preflight.fit.units import GIB, gib
from vmon_plugin_preflight.fit.visible import visible
from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.devices import Device
    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_CERTAIN = 0.95
"""Below this share of the demand it is surely too little: CUDA tells slightly less total memory than the driver."""

_CONTEXT = GIB
"""Bytes for CUDA's context, graphs and NCCL: an assumption, which only ever makes a warning."""

_UTILIZATION = 0.92  # `CacheConfig.gpu_memory_utilization` of vLLM 0.32


def _utilization(launch: Launch) -> float:
    return launch.arguments.get("gpu_memory_utilization", float) or _UTILIZATION


def _devices(launch: Launch) -> tuple[Device, ...]:
    """The devices that this launch will use, without those that say nothing of their memory."""
    if launch.platform not in {Platform.CUDA, Platform.ROCM}:
        return ()
    used = visible(launch).weakest(read_plan(launch.arguments).local_ranks)
    return tuple(device for device in used if device.memory_bytes)


@rule("memory.free")
def free(launch: Launch) -> Iterator[CompatibilityCheck]:
    """When vLLM starts, as much must be free as `--gpu-memory-utilization` asks for, whoever uses the rest."""
    share, code = _utilization(launch), "memory.free"
    for device in _devices(launch):
        total, left = device.memory_bytes or 0, device.memory_free_bytes
        if left is None:
            yield not_evaluated(code, f"{device.name} does not tell how much of its memory is free")
            continue
        words = f"{share:g} x {gib(total)} = {gib(share * total)}, and {gib(left)} are free"
        if left < _CERTAIN * share * total:
            fix = f"--gpu-memory-utilization {max(0.0, left / total - 0.01):.2f}, or end who uses the rest"
            yield failure(code, f"{device.name} has too little free memory: {words}", *_tenants(device), fix=fix)
        elif left < share * total:
            yield warning(code, f"{device.name} may have too little free memory: {words}", *_tenants(device))
        else:
            yield ok(code, f"{device.name}: {words}", *_tenants(device))


def _tenants(device: Device) -> Iterator[str]:
    """Who uses the device now."""
    for process in device.processes:
        size = "an unknown amount" if process.memory_bytes is None else gib(process.memory_bytes)
        yield f"process {process.pid} holds {size}"


@rule("memory.weights", "memory.kv_cache", "memory.headroom")
def fits(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Weights, cache and activations of each rank must fit into its share of its device."""
    devices = _devices(launch)
    if not devices:
        return
    needs = read_needs(launch)
    if needs is None or needs.share is None:
        yield not_evaluated("memory.weights", "the size of the model is not known")
        return
    weakest = min(devices, key=lambda device: device.memory_bytes or 0)
    budget = _utilization(launch) * (weakest.memory_bytes or 0)
    stages = needs.share.stages
    stage = max(range(len(stages)), key=lambda number: stages[number] + needs.cache(number))
    yield from _judge(launch, needs, stage, budget, weakest)


def _judge(launch: Launch, needs: Needs, stage: int, budget: float, device: Device) -> Iterator[CompatibilityCheck]:
    """Compare the rank that needs most with the device that has least."""
    share = needs.share
    if share is None:
        return
    weights = max(0.0, share.stages[stage] - offloaded(launch))
    has = f"{_utilization(launch):g} x {gib(device.memory_bytes or 0)} of {device.name} = {gib(budget)}"
    words = f"{gib(weights)} of weights on a rank{f' of stage {stage}' if len(needs.layers) > 1 else ''}"
    fixes = "more -tp or -pp, a quantized model, or --cpu-offload-gb"
    if weights > budget:
        say = failure if share.exact else warning
        yield say("memory.weights", f"the weights do not fit: {words}, and {has}", share.arithmetic, fix=fixes)
        return
    yield ok("memory.weights", f"{words}, and {has}", share.arithmetic)
    yield from _cache(launch, needs, stage, budget - weights)


def _cache(launch: Launch, needs: Needs, stage: int, left: float) -> Iterator[CompatibilityCheck]:
    """Compare the cache with what the weights leave."""
    code = "memory.kv_cache"
    if launch.arguments.get("num_gpu_blocks_override", int) or launch.arguments.get("kv_cache_memory_bytes", int):
        return  # the rule about a given cache compares it
    if not needs.shapes or needs.length is None:
        yield not_evaluated(code, "vmon has no formula for the cache of this model, or memory decides its length")
        return
    shape, wanted = needs.shapes[stage], needs.cache(stage)
    evidence = (
        shape.arithmetic,
        f"{needs.kept} tokens in blocks of {shape.block} x {shape.layers} layers = {gib(wanted)}",
    )
    possible = shape.longest(int(left)) * needs.plan.decode_context
    words = f"one request of {needs.length} tokens needs {gib(wanted)} of cache, and the weights leave {gib(left)}"
    if wanted > left:
        exact = needs.share is not None and needs.share.exact
        say = failure if exact else warning
        yield say(code, words, *evidence, fix=f"--max-model-len {possible}, more -tp, or --kv-cache-dtype fp8")
        return
    yield ok(code, words, *evidence, f"at most {possible} tokens would fit")
    yield from _headroom(launch, needs, left - wanted)


def _headroom(launch: Launch, needs: Needs, left: float) -> Iterator[CompatibilityCheck]:
    """Warn when what is left is less than a step needs."""
    config = launch.subject.config
    if config is None:
        return
    activations = activation_bytes(launch, config, needs)
    words = f"{gib(left)} are left for activations ({gib(activations)}) and CUDA itself ({gib(_CONTEXT)} assumed)"
    if left < activations + _CONTEXT:
        fix = "--enforce-eager, a smaller --max-model-len or --max-num-batched-tokens"
        yield warning("memory.headroom", f"it will be tight: {words}", fix=fix)
    else:
        yield ok("memory.headroom", words)


@rule("memory.given_cache")
def given_cache(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A cache whose size is given must hold one request of full length."""
    code = "memory.given_cache"
    blocks, source = launch.arguments.get("num_gpu_blocks_override", int), "--num-gpu-blocks-override"
    size = None
    if blocks is None:
        size, source = _given_bytes(launch)
    if blocks is None and size is None:
        return
    needs = read_needs(launch)
    if needs is None or not needs.shapes or needs.length is None:
        yield not_evaluated(code, f"{source} is given, and vmon has no formula for the cache of this model")
        return
    shape = max(needs.shapes, key=lambda s: s.block_bytes)
    available = blocks * shape.block_bytes if blocks is not None else size or 0
    possible, tokens = shape.longest(available), available // (shape.layer_bytes * shape.layers)
    evidence = (
        shape.arithmetic,
        f"{available} B / ({shape.layer_bytes} B x {shape.layers} layers) = {tokens} tokens",
        f"in blocks of {shape.block}, of which one is never given out",
    )
    if needs.kept > possible:
        summary = f"{source} holds {possible} tokens of a request, and {needs.kept} are wanted"
        yield failure(
            code,
            summary,
            *evidence,
            fix=f"--max-model-len {possible * needs.plan.decode_context}, or a larger {source}",
        )
    else:
        yield ok(code, f"{source} holds a request of {needs.length} tokens", *evidence)


def _given_bytes(launch: Launch) -> tuple[int | None, str]:
    """The bytes of the cache as given; on the CPU a variable comes first: `CpuPlatform.check_and_update_config`."""
    space = launch.environment.get("VLLM_CPU_KVCACHE_SPACE", "") if launch.platform is Platform.CPU else ""
    if space.strip().isdigit():
        return int(space) * GIB, "VLLM_CPU_KVCACHE_SPACE"
    return launch.arguments.get("kv_cache_memory_bytes", int), "--kv-cache-memory-bytes"


RULES = (free, fits, given_cache)
