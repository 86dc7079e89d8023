"""The size of the KV cache: bytes for a token, and how many tokens fit.

The formulas are those of `v1/kv_cache_interface.py` and `v1/core/kv_cache_utils.py` of vLLM 0.32: a layer keeps a key
and a value for each of its heads and tokens; latent attention keeps one vector; memory comes in blocks of tokens, and
one block is never given out.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_plugin_preflight.fit.plan import Plan
    from vmon_plugin_preflight.model.config import ModelConfig

_CACHE_BYTES: Mapping[str, int] = MappingProxyType(
    {"fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1, "fp8_inc": 1, "bfloat16": 2, "float16": 2}
)  # types of `--kv-cache-dtype` whose elements take whole bytes and nothing else


@attrs.frozen
class CacheShape:
    """What one rank keeps.

    Attributes:
        layer_bytes: for one token in one layer.
        layers: of the rank's stage.
        block: tokens that are given out at once.
        arithmetic: the same in words.
    """

    layer_bytes: int
    layers: int
    block: int
    arithmetic: str

    @property
    def block_bytes(self) -> int:
        """Bytes of one block in all layers of the rank."""
        return self.layer_bytes * self.layers * self.block

    def needed(self, tokens: int) -> int:
        """Bytes that a request of so many tokens needs; a part of a block is a block."""
        return -(-tokens // self.block) * self.block_bytes

    def longest(self, available: int) -> int:
        """Tokens of the longest request that fits into `available` bytes, where one block is never given out.

        >>> CacheShape(layer_bytes=256, layers=2, block=128, arithmetic="").longest(2 * 2 * 256 * 128)
        128
        """
        return max(0, available // self.block_bytes - 1) * self.block


def element_bytes(cache_dtype: str, model_bytes: int) -> int | None:
    """Bytes of one element, None for types that keep scales besides or pack several into a byte."""
    return model_bytes if cache_dtype == "auto" else _CACHE_BYTES.get(cache_dtype)


def cache_shape(config: ModelConfig, plan: Plan, *, layers: int, element: int, block: int) -> CacheShape | None:
    """What one rank keeps, None when the model keeps something that vmon has no formula for.

    Args:
        config: of the model.
        plan: how it is divided.
        layers: of the rank's stage.
        element: bytes of one element.
        block: tokens in a block.
    """
    if not config.plain or layers < 1:
        return None
    if config.latent is not None:
        size = config.latent * element
        return CacheShape(
            size, layers, block, f"{config.latent} latent elements x {element} B = {size} B a token and layer"
        )
    if not config.kv_heads or not config.head_size:
        return None
    heads = max(1, config.kv_heads // plan.tensor)
    size = 2 * heads * config.head_size * element
    share = f"max(1, {config.kv_heads} // {plan.tensor})" if plan.tensor > 1 else str(heads)
    return CacheShape(
        size,
        layers,
        block,
        f"2 x {share} heads x {config.head_size} elements x {element} B = {size} B a token and layer",
    )


def kept_tokens(config: ModelConfig, plan: Plan, length: int) -> int:
    """Tokens of a request of `length` that a layer keeps at least: a window forgets, and decode context ranks share.

    >>> from vmon_plugin_preflight.fit.plan import Plan
    >>> from vmon_plugin_preflight.model.config import ModelConfig
    >>> kept_tokens(ModelConfig({"model_type": "mistral", "sliding_window": 4096}), Plan(), 32768)
    4095
    """
    tokens = -(-length // plan.decode_context)
    return tokens if config.window is None else min(tokens, config.window - 1)
