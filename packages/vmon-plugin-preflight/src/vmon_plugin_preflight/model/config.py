"""The configuration of a model, `config.json`, with what the command line overrides.

Only what the file says is taken: many keys have a default in the class that Transformers chooses by the model type, and
where this module cannot know it, the value is None, which is never an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from vmon_plugin_preflight.regular import read_regular

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 16 << 20  # bytes; the largest published ones have some hundred kilobytes

_MOST_LAYERS = 10_000
_MOST_ARCHITECTURES = 16  # published ones name one or two, and each is looked for in sources

_LATENT = frozenset(
    {
        *("axk1", "deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_v4", "deepseek_v41", "dots3_note"),
        *("deepseek_mtp", "k3_dspark", "glm5_next", "glm5_next_text", "glm_moe_dsa", "glm4_moe_lite"),
        *("glm4_moe_lite_mtp", "kimi_k2", "kimi_linear", "longcat_flash", "pangu_ultra_moe"),
        *("pangu_ultra_moe_mtp", "bailing_hybrid", "bailing_hybrid_mtp", "bailing_hybrid_v3_mtp", "hy_v4"),
        "hy_v4_mtp",
    }
)  # model types with multi-head latent attention: `is_deepseek_mla` of vLLM 0.32

_PLAIN = frozenset(
    {
        *("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "phi", "phi3", "opt"),
        *("gpt2", "gpt_neox", "bloom", "starcoder2", "gpt_bigcode", "stablelm", "olmo", "olmo2", "granite"),
        *("internlm2", "baichuan", "mpt"),
    }
)  # all layers attend in the same way, and their keys mean what they say

_NO_HEAD_SIZE = _PLAIN - {"qwen3", "qwen3_moe"}  # types whose head size is hidden size / heads when it is not given
_ALL_KEY_HEADS = frozenset(
    {"llama", "phi", "opt", "gpt2", "gpt_neox", "bloom", "mpt", "stablelm", "olmo"}
)  # as many KV heads as heads, when they are not given
_UNIFORM_LATENT = frozenset(
    {"deepseek_v2", "deepseek_v3", "deepseek_v32", "glm_moe_dsa", "glm4_moe_lite", "kimi_k2", "axk1", "pangu_ultra_moe"}
)  # latent attention in every layer; others mix it with layers that keep a state of fixed size


class ConfigError(ValueError):
    """There is no configuration that could be understood; the message says why."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        ConfigError: it does not.
        OSError: it cannot be read, or is too large to be one.
    """
    data = read_regular(path, _LARGEST)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        message = f"{path} is no valid JSON: {str(error) or 'it is nested too deeply'}"
        raise ConfigError(message) from None
    if not isinstance(document, dict):
        message = f"{path} holds no JSON object"
        raise ConfigError(message)
    return document


def merge(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Replace values, inside of nested objects too, as `--hf-overrides` does.

    >>> merge({"a": 1, "text_config": {"b": 2}}, {"text_config": {"c": 3}})
    {'a': 1, 'text_config': {'b': 2, 'c': 3}}
    """
    merged = dict(document)
    for key, value in overrides.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


@attrs.define(slots=False)
class ModelConfig:
    """A configuration; `document` is what the file says, after overrides."""

    document: Mapping[str, Any]

    @cached_property
    def text(self) -> Mapping[str, Any]:
        """The part about the language model, which multi-modal models keep apart."""
        names = ("text_config", "thinker_config", "llm_config", "language_config")
        part: Mapping[str, Any] | None = self.document
        while part is not None:
            found = part
            part = next((inner for name in names if isinstance(inner := found.get(name), dict)), None)
        return found

    @property
    def nested(self) -> bool:
        """Whether the language model is a part of a larger one."""
        return self.text is not self.document

    @property
    def architectures(self) -> tuple[str, ...]:
        """The names of the model's classes."""
        return tuple(_strings(self.document.get("architectures")))[:_MOST_ARCHITECTURES]

    @property
    def model_type(self) -> str:
        """The type by which Transformers chooses the configuration's class."""
        return str(self.document.get("model_type") or "")

    @property
    def text_type(self) -> str:
        """The type of the language model."""
        return str(self.text.get("model_type") or self.model_type)

    @property
    def layers(self) -> int | None:
        """Decoder layers; nonsense counts as unknown, so that nobody counts up to it."""
        found = self.number("num_hidden_layers", "n_layer", "n_layers")
        return found if found is not None and 0 < found <= _MOST_LAYERS else None

    @property
    def hidden(self) -> int | None:
        """The width of the residual stream."""
        return self.number("hidden_size", "n_embd", "d_model")

    @property
    def heads(self) -> int | None:
        """Attention heads of all ranks together."""
        return self.number("num_attention_heads", "n_head", "n_heads")

    @property
    def kv_heads(self) -> int | None:
        """Key and value heads of all ranks together."""
        found = self.number("n_head_kv", "num_kv_heads", "num_key_value_heads", "multi_query_group_num")
        return self.heads if found is None and self.text_type in _ALL_KEY_HEADS else found

    @property
    def head_size(self) -> int | None:
        """Elements of one head."""
        found = self.number("head_dim", "hidden_size_per_head")
        if found is None and self.text_type in _NO_HEAD_SIZE and self.hidden and self.heads:
            return self.hidden // self.heads
        return found

    @property
    def vocabulary(self) -> int | None:
        """Tokens that the model knows."""
        return self.number("vocab_size")

    @property
    def intermediate(self) -> int | None:
        """The width of the feed-forward layers."""
        return self.number("intermediate_size", "n_inner", "ffn_dim")

    @property
    def experts(self) -> int:
        """Experts of a layer, 0 for a dense model."""
        found = self.number("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts")
        return found or 0

    @property
    def latent(self) -> int | None:
        """Elements that multi-head latent attention keeps for a token and layer; None for other models."""
        rank, rope = self.number("kv_lora_rank"), self.number("qk_rope_head_dim")
        if self.text_type not in _LATENT or rank is None or rope is None or "compress_ratios" in self.text:
            return None
        return rank + rope

    @property
    def plain(self) -> bool:
        """Whether all layers keep keys and values in one known way, so that their sizes can be computed."""
        if self.latent is not None:
            return self.text_type in _UNIFORM_LATENT
        mixed = self.text.get("use_sliding_window") is True or len(set(_strings(self.text.get("layer_types")))) > 1
        return self.text_type in _PLAIN and not mixed

    @property
    def window(self) -> int | None:
        """Tokens that a layer with a sliding window looks back at, None without one."""
        if self.text.get("use_sliding_window", not self.text_type.startswith("qwen")) is not True:
            return None
        return self.number("sliding_window")

    @property
    def dtype(self) -> str | None:
        """The type of the weights as the configuration gives it, such as `bfloat16`; None when it does not."""
        for part in (self.document, self.text):
            found = part.get("dtype") or part.get("torch_dtype")
            if isinstance(found, str):
                return found.removeprefix("torch.")
        return None

    @property
    def quantization(self) -> Mapping[str, Any]:
        """How the weights are quantized, empty when they are not."""
        for part in (self.document, self.text):
            for name in ("quantization_config", "compression_config"):
                found = part.get(name)
                if isinstance(found, dict):
                    return found
        return {}

    @property
    def tied(self) -> bool:
        """Whether the output layer shares its weights with the embedding."""
        return bool(self.document.get("tie_word_embeddings", self.text.get("tie_word_embeddings", False)))

    def number(self, *names: str) -> int | None:
        """Return the first of `names` that the language model's part gives as a whole number."""
        for name in names:
            value = self.text.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
        return None


def _strings(value: Any) -> list[str]:  # noqa: ANN401 (JSON)
    """The strings of a list, none of anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
