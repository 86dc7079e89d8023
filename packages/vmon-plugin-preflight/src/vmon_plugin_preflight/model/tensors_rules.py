"""Rules about what the weight files hold, compared with what the configuration says.

vLLM loads what it finds: a tensor that is missing leaves random numbers behind, without a word.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.model.config import ModelConfig
    from vmon_plugin_preflight.model.header import Tensor
    from vmon_plugin_preflight.model.weights import Weights

_LAYER = re.compile(r"model\.layers\.(\d{1,9})\.(.+)")
_LLAMA_LIKE = frozenset({"llama", "mistral", "qwen2", "qwen3"})
_FLOATS = frozenset({"F32", "F16", "BF16"})
_SHOWN = 3
_WHOLE = " as a whole"
_FIX = "download the weights again, or take the configuration that belongs to them"


def names_of(weights: Weights) -> set[str] | None:
    """The names of all tensors, None when they are not all known."""
    if weights.complete:
        return {name for header in weights.headers.values() for name in header.tensors}
    return set(weights.index) or None


@rule("model.tensors")
def tensors(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Every layer must have what the other layers have."""
    subject, code = launch.subject, "model.tensors"
    found, config = subject.weights, subject.config
    if found is None or not found.safetensors or found.missing or found.damaged:
        return
    names = names_of(found)
    if names is None or config is None:
        yield not_evaluated(code, "not all names of tensors are known")
        return
    lost = _not_where_the_index_says(found)
    gaps = [*_missing_layers(names, config), *_gaps(names, config), *_ends(names, config)]
    refused = [*_fatal(lost + gaps, config), *_extra_layers(names, config)]
    if refused:
        summary = f"{len(refused)} tensors do not belong to this configuration: {refused[0]}"
        yield failure(code, summary, *refused[1:_SHOWN], fix=_FIX)
    elif lost or gaps:
        absent = [*lost, *gaps]
        summary = f"{len(absent)} tensors are missing, which vLLM does not notice: their values would be random"
        yield warning(code, summary, *absent[:_SHOWN], fix=_FIX)
    else:
        yield ok(code, f"{len(names)} tensors, and no layer lacks one that others have")


def _fatal(absent: list[str], config: ModelConfig) -> list[str]:
    """What vLLM does insist on: the vectors of norms, in a model that is not quantized."""
    if config.text_type not in _LLAMA_LIKE or config.quantization or config.nested:
        return []
    return [f"{name} is missing" for name in absent if name.endswith(("norm.weight", _WHOLE))]


def _extra_layers(names: set[str], config: ModelConfig) -> list[str]:
    """Layers that the configuration does not count, which vLLM finds no place for."""
    if config.text_type not in _LLAMA_LIKE or config.layers is None or config.nested:
        return []
    present = sorted({int(match[1]) for name in names if (match := _LAYER.match(name))})
    return [f"model.layers.{layer} is one too many" for layer in present if layer >= config.layers]


def _not_where_the_index_says(found: Weights) -> list[str]:
    """Tensors that the index promises, and the file does not hold."""
    held = {file: header.tensors for file, header in found.headers.items()}
    return [f"{name} is not in {file}" for name, file in found.index.items() if file in held and name not in held[file]]


def _missing_layers(names: set[str], config: ModelConfig) -> list[str]:
    """Whole layers that the configuration counts."""
    present = {int(match[1]) for name in names if (match := _LAYER.match(name))}
    if not present or config.layers is None:
        return []
    return [f"model.layers.{layer}{_WHOLE}" for layer in range(config.layers) if layer not in present]


def _gaps(names: set[str], config: ModelConfig) -> list[str]:
    """Tensors that some layers of a model have and others lack, where all layers are alike."""
    if not config.plain or config.latent is not None or config.experts or config.layers is None:
        return []
    present = [match for name in names if (match := _LAYER.match(name))]
    layers = {int(match[1]) for match in present}
    counts = Counter(match[2] for match in present if int(match[1]) < config.layers)
    partly = [suffix for suffix, count in counts.items() if len(layers) / 2 < count < len(layers)]
    wanted = (
        f"model.layers.{layer}.{suffix}" for suffix in partly for layer in sorted(layers) if layer < config.layers
    )
    return [name for name in wanted if name not in names]


def _ends(names: set[str], config: ModelConfig) -> list[str]:
    """The embedding and the output layer of a model like Llama."""
    if config.text_type not in _LLAMA_LIKE or config.nested or not config.architectures:
        return []
    wanted = ["model.embed_tokens.weight", "model.norm.weight"]
    if not config.tied and config.architectures[0].endswith("ForCausalLM"):
        wanted.append("lm_head.weight")
    uses_prefix = any(name.startswith("model.layers.") for name in names)
    return [name for name in wanted if name not in names] if uses_prefix else []


@rule("model.shapes")
def shapes(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Tensors must be as large as the configuration says."""
    subject, code = launch.subject, "model.shapes"
    found, config = subject.weights, subject.config
    if found is None or config is None or not found.headers:
        return
    if config.text_type not in _LLAMA_LIKE or config.nested or config.quantization:
        yield not_evaluated(code, f"vmon does not know what shapes a {config.text_type or 'model'} should have")
        return
    yield from _compare(config, {name: t for header in found.headers.values() for name, t in header.tensors.items()})


def _compare(config: ModelConfig, held: Mapping[str, Tensor]) -> Iterator[CompatibilityCheck]:
    """Compare shapes; too small is fatal, too large is cut in some directions without a word."""
    wanted = expected(config)
    refused: list[str] = []
    cut: list[str] = []
    for name, tensor in held.items():
        match = _LAYER.match(name)
        shape = wanted.get(match[2] if match else name)
        if shape is None or tensor.shape == shape or tensor.dtype not in _FLOATS:
            continue
        line = f"{name} is {list(tensor.shape)}, and the configuration makes it {list(shape)}"
        (cut if _is_cut(match[2] if match else name, tensor.shape, shape) else refused).append(line)
    code, fix = "model.shapes", "the configuration that belongs to these weights"
    if refused:
        yield failure(code, f"{len(refused)} tensors have the wrong shape: {refused[0]}", *refused[1:_SHOWN], fix=fix)
    elif cut:
        summary = f"{len(cut)} tensors are larger than the configuration says; vLLM would load a part of them"
        yield warning(code, summary, *cut[:_SHOWN], fix=fix)
    else:
        yield ok(code, "the shapes are those that the configuration demands")


def expected(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes in a model like Llama, those of a layer by the name inside of the layer."""
    hidden, wide, heads = config.hidden, config.intermediate, config.heads
    kv_heads, head, vocabulary = config.kv_heads, config.head_size, config.vocabulary
    found: dict[str, tuple[int, ...]] = {}
    if hidden:
        found |= dict.fromkeys(("input_layernorm.weight", "post_attention_layernorm.weight"), (hidden,))
        found["model.norm.weight"] = (hidden,)
    if hidden and vocabulary:
        ends = ("model.embed_tokens.weight",) if config.tied else ("model.embed_tokens.weight", "lm_head.weight")
        found |= dict.fromkeys(ends, (vocabulary, hidden))
    if hidden and heads and head:
        found |= {"self_attn.q_proj.weight": (heads * head, hidden), "self_attn.o_proj.weight": (hidden, heads * head)}
    if hidden and kv_heads and head:
        found |= dict.fromkeys(("self_attn.k_proj.weight", "self_attn.v_proj.weight"), (kv_heads * head, hidden))
    if hidden and wide:
        found |= dict.fromkeys(("mlp.gate_proj.weight", "mlp.up_proj.weight"), (wide, hidden))
        found["mlp.down_proj.weight"] = (hidden, wide)
    return found


_CUT_COLUMNS = frozenset({"self_attn.o_proj.weight", "mlp.down_proj.weight"})
_NEVER_CUT = frozenset({"model.embed_tokens.weight", "lm_head.weight"})


def _is_cut(name: str, held: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether vLLM takes the part that it wants of a larger tensor: each rank narrows one dimension to its share."""
    if name in _NEVER_CUT or len(held) != len(wanted) or len(held) != 2:  # noqa: PLR2004 (a matrix)
        return False
    cut = 1 if name in _CUT_COLUMNS else 0
    return held[1 - cut] == wanted[1 - cut] and held[cut] > wanted[cut]


RULES = (tensors, shapes)
