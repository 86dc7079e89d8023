"""What the ranks of a launch need, against what their devices have: the figures behind the rules about memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_plugin_preflight.fit.cache import CacheShape, cache_shape, element_bytes, kept_tokens
from vmon_plugin_preflight.fit.length import longest
from vmon_plugin_preflight.fit.numbers import chosen_dtype
from vmon_plugin_preflight.fit.plan import Plan, partition, read_plan
from vmon_plugin_preflight.fit.share import Share, share_of
from vmon_plugin_preflight.fit.units import BYTES, GIB
from vmon_plugin_preflight.launch import Platform

if TYPE_CHECKING:
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.model.config import ModelConfig

_BLOCK = 16  # tokens in a block on GPUs: `CacheConfig.DEFAULT_BLOCK_SIZE`
_BLOCK_ON_CPU = 128  # `CpuPlatform` of vLLM 0.32


@attrs.frozen(kw_only=True)
class Needs:
    """What a launch needs.

    Attributes:
        plan: how it is divided.
        layers: of each stage.
        element: bytes of one element of an activation.
        length: of the longest request, None when memory decides it.
        share: the weights of a rank, None when nobody can tell.
        shapes: the KV cache of a rank of each stage, empty when there is no formula.
        kept: tokens that a layer keeps of the longest request.
    """

    plan: Plan
    layers: tuple[int, ...]
    element: int
    length: int | None
    share: Share | None
    shapes: tuple[CacheShape, ...]
    kept: int

    def cache(self, stage: int) -> int:
        """Bytes that one request of full length needs on a rank of `stage`, 0 when it is not known."""
        return self.shapes[stage].needed(self.kept) if self.shapes else 0


def read_needs(launch: Launch) -> Needs | None:
    """Compute what `launch` needs; None when the configuration does not tell."""
    subject, plan = launch.subject, read_plan(launch.arguments)
    config = subject.config
    if config is None or not config.layers or plan.pipeline > config.layers:
        return None
    try:
        layers = partition(config.layers, plan.pipeline, launch.environment.get("VLLM_PP_LAYER_PARTITION"))
    except ValueError:
        return None  # the rule about layers says so
    element = BYTES.get(chosen_dtype(launch, config) or "", 2)
    wanted = length_of(launch, config)
    weights = subject.weights if subject.load_format != "dummy" else None
    return Needs(
        plan=plan,
        layers=layers,
        element=element,
        length=wanted,
        share=share_of(
            weights, config, plan, layers, element=element, quantization=launch.arguments.get("quantization", str) or ""
        ),
        shapes=_shapes(launch, config, plan, layers, element),
        kept=kept_tokens(config, plan, wanted or 1),
    )


def length_of(launch: Launch, config: ModelConfig) -> int | None:
    """The length that vLLM will insist on."""
    wanted = launch.arguments.get("max_model_len", int)
    if wanted is not None:
        return wanted if wanted > 0 else None
    derived = longest(config)
    return None if derived is None else derived.default


def _shapes(
    launch: Launch, config: ModelConfig, plan: Plan, layers: tuple[int, ...], element: int
) -> tuple[CacheShape, ...]:
    """The KV cache of a rank of each stage that has layers."""
    size = element_bytes(launch.arguments.get("kv_cache_dtype", str) or "auto", element)
    block = launch.arguments.get("block_size", int) or (_BLOCK_ON_CPU if launch.platform is Platform.CPU else _BLOCK)
    if size is None or min(layers) < 1:
        return ()
    found = [cache_shape(config, plan, layers=count, element=size, block=block) for count in layers]
    return tuple(shape for shape in found if shape is not None)


def activation_bytes(launch: Launch, config: ModelConfig, needs: Needs) -> float:
    """Bytes that a step of the largest batch needs besides weights and cache, a rough lower estimate.

    The residual stream and its norm, the two halves of the feed-forward layer and their product for each token, and the
    logits of each sequence in 32 bits.
    """
    tokens = launch.arguments.get("max_num_batched_tokens", int) or 2048
    sequences = launch.arguments.get("max_num_seqs", int) or 256
    hidden, wide, vocabulary = config.hidden or 0, config.intermediate or 0, config.vocabulary or 0
    return tokens * (2 * hidden + 3 * wide / needs.plan.tensor) * needs.element + sequences * vocabulary * 4.0


def offloaded(launch: Launch) -> float:
    """Bytes of weights that a rank keeps in the memory of the host."""
    return (launch.arguments.get("cpu_offload_gb", float) or 0.0) * GIB
