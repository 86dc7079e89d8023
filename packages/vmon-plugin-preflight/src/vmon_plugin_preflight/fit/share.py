"""How many bytes of weights one rank holds, by the headers of the files or by the configuration.

Ranks of a tensor-parallel group share each matrix, except for what vLLM gives to each of them: the keys and values of
fewer heads than ranks, and the projections into the latent space of latent attention. Vectors are so small that
counting them as shared stays below the truth by a thousandth.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import attrs

from vmon_plugin_preflight.fit.units import gib
from vmon_plugin_preflight.model.header import Tensor
from vmon_plugin_preflight.model.tensors_rules import expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmon_plugin_preflight.fit.plan import Plan
    from vmon_plugin_preflight.model.config import ModelConfig
    from vmon_plugin_preflight.model.weights import Weights

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_FIRST = re.compile(r"embed|wte|wpe|vision|visual|audio")
_KEYS = re.compile(r"\.[kv]_proj\.")
_EACH = re.compile(r"\.(?:q_a_proj|kv_a_proj_with_mqa)\.")
_FLOATS = frozenset({"F32", "F16", "BF16"})
_ONE_BYTE = ("fp8", "int8", "experts_int8", "mxfp8")  # beginnings of methods that quantize while loading


@attrs.frozen
class Share:
    """The weights of one rank.

    Attributes:
        stages: bytes for a rank of each stage.
        exact: whether every tensor was seen; otherwise it is an estimate.
        arithmetic: in words.
    """

    stages: tuple[float, ...]
    exact: bool
    arithmetic: str


def share_of(  # noqa: PLR0913 (each decides about the bytes)
    weights: Weights | None, config: ModelConfig, plan: Plan, layers: Sequence[int], *, element: int, quantization: str
) -> Share | None:
    """How many bytes of weights a rank of each stage holds; None when nobody can tell.

    Args:
        weights: the files, None when there are none on this machine.
        config: of the model.
        plan: how it is divided.
        layers: of each stage.
        element: bytes of one element while vLLM runs.
        quantization: the method of `--quantization`, "" without one.
    """
    if weights is not None and weights.complete:
        tensors = [(name, t) for header in weights.headers.values() for name, t in header.tensors.items()]
        source = f"{len(weights.headers)} headers"
    elif weights is not None and weights.files:
        total = sum(weights.files.values())
        ranks = plan.tensor * plan.pipeline
        return Share(
            (total / ranks,) * plan.pipeline,
            exact=False,
            arithmetic=f"{gib(total)} of files / {ranks} ranks, an estimate",
        )
    elif by_config := from_config(config):
        tensors, source = list(by_config.items()), "the sizes in config.json"
    else:
        return None
    least = _least_bytes(quantization, element) if not config.quantization else None
    stages = _sum(tensors, config, plan, layers, least)
    whole = sum(stages) * plan.tensor
    return Share(
        tuple(stages),
        exact=True,
        arithmetic=f"by {source}: {gib(whole)} in all, over {plan.tensor} x {plan.pipeline} ranks",
    )


def from_config(config: ModelConfig) -> dict[str, Tensor]:
    """The tensors that a model like Llama must have, empty for others."""
    if config.text_type not in {"llama", "mistral", "qwen2", "qwen3"} or config.nested or config.quantization:
        return {}
    tensors = {}
    for name, shape in expected(config).items():
        names = (name,) if name.startswith(("model.", "lm_head.")) else _in_layers(name, config.layers or 0)
        tensors.update(dict.fromkeys(names, Tensor("BF16", shape, 2 * math.prod(shape))))
    return tensors if len(expected(config)) >= 11 - config.tied else {}


def _in_layers(name: str, layers: int) -> tuple[str, ...]:
    """The name in each layer."""
    return tuple(f"model.layers.{layer}.{name}" for layer in range(layers))


def _least_bytes(quantization: str, element: int) -> float:
    """Bytes of an element of a matrix, after a method that quantizes while loading; none makes less than 4 bits."""
    if not quantization:
        return element
    return 1 if quantization.startswith(_ONE_BYTE) else 0.5


def _sum(
    tensors: Iterable[tuple[str, Tensor]], config: ModelConfig, plan: Plan, layers: Sequence[int], least: float | None
) -> list[float]:
    """Add the tensors up, those of a layer to its stage.

    `least` are the bytes of an element while vLLM runs, None for those that it has in the file.
    """
    ends = [sum(layers[: stage + 1]) for stage in range(len(layers))]
    totals = [0.0] * len(layers)
    for name, tensor in tensors:
        same = least is None or tensor.dtype not in _FLOATS
        size = (tensor.size if same else (least or 0) * math.prod(tensor.shape)) / _divisor(name, config, plan)
        for stage in _stages(name, ends, tied=config.tied):
            totals[stage] += size
    return totals


def _stages(name: str, ends: Sequence[int], *, tied: bool) -> tuple[int, ...]:
    """The stages that hold a tensor; none for a layer that only speculative decoding would load."""
    match = _LAYER.search(name)
    last = len(ends) - 1
    if match is None or "vision" in name or "visual" in name:
        if _FIRST.search(name):
            return (0, last) if tied and last and "embed_tokens" in name else (0,)
        return (last,)
    layer = int(match[1])
    return next(((stage,) for stage, end in enumerate(ends) if layer < end), ())


def _divisor(name: str, config: ModelConfig, plan: Plan) -> int:
    """Among how many ranks a tensor is divided."""
    if ".experts." in name:
        return plan.expert_ranks
    if _EACH.search(name):
        return 1
    if _KEYS.search(name) and config.kv_heads:
        return min(plan.tensor, config.kv_heads)
    return plan.tensor
