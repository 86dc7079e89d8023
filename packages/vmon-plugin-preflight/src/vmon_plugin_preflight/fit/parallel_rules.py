"""Rules about parallel sizes: heads, layers and experts must be divisible, and there must be a device for each rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_preflight.fit.plan import Plan, partition, read_plan
from vmon_plugin_preflight.fit.visible import visible
from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.model.config import ModelConfig

_MOST_RANKS = 1024  # that a fix proposes


@rule("parallel.heads")
def heads(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Tensor parallelism divides the attention heads."""
    plan, config, code = read_plan(launch.arguments), launch.subject.config, "parallel.heads"
    if plan.tensor == 1 or config is None:
        return
    if config.heads is None:
        yield not_evaluated(code, "config.json does not say how many attention heads there are")
    elif config.heads % plan.tensor:
        sizes = ", ".join(str(n) for n in range(1, min(config.heads, _MOST_RANKS) + 1) if config.heads % n == 0)
        summary = f"{config.heads} attention heads cannot be divided among {plan.tensor} ranks"
        yield failure(
            code, summary, f"{config.heads} % {plan.tensor} = {config.heads % plan.tensor}", fix=f"-tp, one of {sizes}"
        )
    else:
        yield ok(
            code,
            f"{config.heads} attention heads / {plan.tensor} ranks = {config.heads // plan.tensor}",
            *_copies(config, plan),
        )


def _copies(config: ModelConfig, plan: Plan) -> Iterator[str]:
    """Say when ranks hold copies of keys and values."""
    if config.latent is None and config.kv_heads and config.kv_heads < plan.tensor:
        yield f"{config.kv_heads} KV heads for {plan.tensor} ranks: each is kept {plan.tensor // config.kv_heads} times"


@rule("parallel.layers")
def layers(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Pipeline parallelism divides the layers."""
    plan, config, code = read_plan(launch.arguments), launch.subject.config, "parallel.layers"
    if plan.pipeline == 1 or config is None or config.layers is None:
        return
    if plan.pipeline > config.layers:
        summary = (
            f"{config.layers} layers over {plan.pipeline} stages: vLLM cannot size the cache of a stage without layers"
        )
        yield failure(code, summary, fix=f"-pp {config.layers} at most")
        return
    try:
        counts = partition(config.layers, plan.pipeline, launch.environment.get("VLLM_PP_LAYER_PARTITION"))
    except ValueError as error:
        yield failure(code, str(error), fix="unset VLLM_PP_LAYER_PARTITION, or correct it")
        return
    text = f"{config.layers} layers over {plan.pipeline} stages: {','.join(map(str, counts))}"
    if min(counts) < 1:
        yield failure(
            code, f"{text}; vLLM cannot size the cache of a stage without layers", fix="VLLM_PP_LAYER_PARTITION"
        )
    else:
        yield ok(code, text)


@rule("parallel.pipeline")
def pipeline(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The implementation must be made to be cut into stages."""
    plan, subject, code = read_plan(launch.arguments), launch.subject, "parallel.pipeline"
    if plan.pipeline == 1 or subject.config is None or not subject.config.architectures:
        return
    name = subject.config.architectures[0]
    if subject.registry is not None and subject.registry.supports_pipeline(name):
        yield ok(code, f"{name} can be cut into stages")
    else:
        yield not_evaluated(code, f"the source of {name} does not say whether it can be cut into stages")


@rule("parallel.experts")
def experts(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Expert parallelism needs experts, and balancing them needs expert parallelism."""
    plan, config, code = read_plan(launch.arguments), launch.subject.config, "parallel.experts"
    if plan.expert and config is not None and not config.experts:
        if config.plain and not config.nested:
            yield failure(code, "--enable-expert-parallel needs a model with experts", fix="leave it out")
        else:
            yield not_evaluated(code, "config.json does not say in a known way how many experts there are")
    elif plan.expert and config is not None:
        yield ok(code, f"{config.experts} experts over {plan.expert_ranks} ranks")
    if launch.arguments.get("enable_eplb", bool):
        yield from _balancing(launch, plan)


def _balancing(launch: Launch, plan: Plan) -> Iterator[CompatibilityCheck]:
    """What `--enable-eplb` needs."""
    code = "parallel.experts"
    if launch.platform is Platform.CPU:
        yield failure(code, "--enable-eplb works on GPUs only", fix="leave it out")
    elif not plan.expert:
        yield failure(code, "--enable-eplb needs --enable-expert-parallel", fix="--enable-expert-parallel")
    elif plan.expert_ranks == 1:
        yield failure(code, "--enable-eplb needs several ranks to balance", fix="-tp 2 or more, or leave it out")


@rule("parallel.context")
def context(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Decode context parallelism reuses the ranks that keep copies of keys and values."""
    plan = read_plan(launch.arguments)
    if plan.decode_context == 1:
        return
    problem = _ranks_problem(plan) or _heads_problem(plan, launch.subject.config)
    if problem:
        yield failure("parallel.context", problem, fix="--decode-context-parallel-size 1, or another size")
    elif launch.subject.config is None:
        yield not_evaluated("parallel.context", "the model's heads are not known")
    else:
        yield ok("parallel.context", f"{plan.decode_context} decode context ranks among {plan.tensor} tensor ranks")


def _ranks_problem(plan: Plan) -> str:
    """Why the ranks do not allow it: `ParallelConfig._validate_parallel_config` of vLLM 0.32."""
    tensor, prefill, decode = plan.tensor, plan.prefill_context, plan.decode_context
    if prefill == 1:
        return f"{decode} decode context ranks do not divide {tensor} tensor ranks" if tensor % decode else ""
    if decode in {1, prefill, tensor * prefill}:
        return ""
    return f"{decode} decode context ranks: with prefill context, 1, {prefill} or {tensor * prefill} are possible"


def _heads_problem(plan: Plan, config: ModelConfig | None) -> str:
    """Why the heads do not allow it: `ModelConfig.verify_with_parallel_config` of vLLM 0.32."""
    if config is None or config.latent is not None or not config.kv_heads or not config.heads:
        return ""
    decode, kv_heads, queries = plan.decode_context, config.kv_heads, config.heads // config.kv_heads
    if plan.tensor <= kv_heads:
        return f"decode context parallelism needs more tensor ranks ({plan.tensor}) than KV heads ({kv_heads})"
    if decode > plan.tensor // kv_heads:
        return f"{decode} decode context ranks, more than {plan.tensor} // {kv_heads} = {plan.tensor // kv_heads}"
    return f"{queries} query heads for each KV head cannot be divided among {decode}" if queries % decode else ""


@rule("parallel.nodes")
def nodes(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Several machines share the ranks evenly, and this one is one of them."""
    plan, code = read_plan(launch.arguments), "parallel.nodes"
    total = plan.world * plan.data
    if plan.nodes > 1 and total % plan.nodes:
        yield failure(
            code, f"{total} ranks cannot be divided among {plan.nodes} machines", fix="--nnodes, -tp, -pp or -dp"
        )
    elif plan.nodes > 1 and not 0 <= plan.node_rank < plan.nodes:
        yield failure(code, f"--node-rank {plan.node_rank} is not between 0 and {plan.nodes - 1}", fix="--node-rank")
    elif plan.nodes > 1:
        yield ok(code, f"{total} ranks / {plan.nodes} machines = {total // plan.nodes} on this one")
    if plan.data_local is not None and plan.data_local > plan.data:
        yield failure(
            code,
            f"{plan.data_local} replicas on this machine, and {plan.data} in all",
            fix="--data-parallel-size-local",
        )


@rule("parallel.devices")
def devices(launch: Launch) -> Iterator[CompatibilityCheck]:
    """There must be a device for each rank on this machine."""
    plan, code = read_plan(launch.arguments), "parallel.devices"
    if launch.platform not in {Platform.CUDA, Platform.ROCM}:
        return
    if "ray" in {
        launch.arguments.get("distributed_executor_backend", str),
        launch.arguments.get("data_parallel_backend", str),
    }:
        yield not_evaluated(code, "Ray decides on which machines the ranks run")
        return
    found = visible(launch)
    if found.devices is None:
        yield not_evaluated(code, found.why)
        return
    count, needed = len(found.devices), plan.local_ranks
    sizes = f"{needed} ranks on this machine, {count} devices ({found.why})"
    if needed > count:
        yield failure(
            code, f"not enough devices: {sizes}", _arithmetic(plan), fix="smaller -tp, -pp or -dp, or more devices"
        )
    else:
        yield ok(code, sizes, _arithmetic(plan))


def _arithmetic(plan: Plan) -> str:
    """Where the number of ranks comes from."""
    return (
        f"tensor {plan.tensor} x pipeline {plan.pipeline} x prefill context {plan.prefill_context} x data {plan.data}"
        f" over {plan.nodes} machines"
    )


RULES = (heads, layers, pipeline, experts, context, nodes, devices)
