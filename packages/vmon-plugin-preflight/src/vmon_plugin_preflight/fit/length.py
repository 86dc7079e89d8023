"""The longest request that a model is made for, derived from its configuration as `_get_and_verify_max_len` does.

That function of vLLM 0.32 also looks at the tokenizer in some cases, which can only make the length shorter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmon_plugin_preflight.model.config import ModelConfig

_KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "model_max_length",
    "max_target_positions",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)
_SCALED = frozenset({"su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling"})
"""Kinds of rotary scaling whose factor is already in the length."""


_LARGEST_FACTOR = 1e6  # more is nonsense, or no number at all


@attrs.frozen
class Longest:
    """Tokens that a model is made for.

    Attributes:
        tokens: how many.
        default: the length that vLLM takes when none is given.
        arithmetic: in words.
    """

    tokens: int
    default: int
    arithmetic: str


def longest(config: ModelConfig) -> Longest | None:
    """Derive the length; None when the configuration leaves it to a class that is not read."""
    found = {key: value for key in _KEYS if (value := config.number(key)) is not None}
    if not found:
        return None
    key = min(found, key=lambda name: found[name])
    if "model_max_length" in found:
        key = "model_max_length"  # Cohere's models mean it, whatever else they say
    found_ropes = list(ropes(config))
    factor = 1.0 if "gemma3" in config.text_type else _factor(found_ropes)
    tokens = int(found[key] * factor)
    original = config.number("original_max_position_embeddings")
    long = original is not None and any(rope.get("rope_type", rope.get("type")) == "longrope" for rope in found_ropes)
    words = f"{key} = {found[key]}" + (f" x rotary factor {factor:g} = {tokens}" if factor != 1 else "")
    return Longest(tokens, original if long and original else tokens, words)


def ropes(config: ModelConfig) -> Iterator[Mapping[str, Any]]:
    """The rotary parameters, which some models give for each kind of layer."""
    for name in ("rope_parameters", "rope_scaling"):
        value = config.text.get(name)
        if isinstance(value, dict):
            nested = [part for part in value.values() if isinstance(part, dict)]
            yield from nested or [value]


def _factor(ropes: list[Mapping[str, Any]]) -> float:
    """By how much rotary scaling makes the length longer."""
    factor = 1.0
    for rope in ropes:
        given = rope.get("factor")
        if (
            str(rope.get("rope_type", rope.get("type"))) not in _SCALED
            and isinstance(given, int | float)
            and 0 < given < _LARGEST_FACTOR
        ):
            factor = float(given)
    return factor
