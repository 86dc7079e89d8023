"""The size of the KV cache, against what vLLM itself said about a model and a size of cache."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_preflight.fit.cache import CacheShape, cache_shape, element_bytes, kept_tokens
from vmon_plugin_preflight.fit.plan import Plan
from vmon_plugin_preflight.model.config import ModelConfig
from vmon_testkit.models import LLAMA

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cache_dtype", "model_bytes", "tokens"), [("auto", 2, 2_097_152), ("auto", 4, 1_048_576), ("fp8", 2, 4_194_304)]
)
def test_tokens_are_those_of_the_log(cache_dtype: str, model_bytes: int, tokens: int) -> None:
    """`CPU KV cache size: N tokens` of vLLM 0.32.0 for this very model and 1 GiB, in bfloat16, float32 and FP8."""
    element = element_bytes(cache_dtype, model_bytes)
    assert element is not None
    shape = cache_shape(ModelConfig(LLAMA), Plan(), layers=2, element=element, block=128)
    assert shape is not None
    assert GIB // shape.block_bytes * shape.block == tokens


def test_one_block_is_never_given_out() -> None:
    """With two blocks of 128 tokens vLLM 0.32.0 said `the estimated maximum model length is 128`."""
    shape = cache_shape(ModelConfig(LLAMA), Plan(), layers=2, element=2, block=128)
    assert shape is not None
    assert shape.longest(2 * shape.block_bytes) == 128


def test_llama_3_8b_takes_128_kib_a_token() -> None:
    """2 x 8 heads x 128 elements x 2 bytes x 32 layers; four ranks keep a quarter, sixteen one head each."""
    config = ModelConfig({"model_type": "llama", "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128})
    sizes = []
    for ranks in (1, 4, 16):
        shape = cache_shape(config, Plan(tensor=ranks), layers=32, element=2, block=16)
        assert shape is not None
        sizes.append(shape.layer_bytes * shape.layers)
    assert sizes == [128 << 10, 32 << 10, 16 << 10]


def test_latent_attention_is_not_divided() -> None:
    """DeepSeek V3 keeps 576 elements a token and layer on every rank."""
    config = ModelConfig({"model_type": "deepseek_v3", "kv_lora_rank": 512, "qk_rope_head_dim": 64})
    shape = cache_shape(config, Plan(tensor=8), layers=61, element=2, block=16)
    assert shape is not None
    assert shape.layer_bytes == 1152


@pytest.mark.parametrize(
    "document",
    [
        {"model_type": "gemma2", "num_key_value_heads": 4, "head_dim": 256},
        {"model_type": "kimi_linear", "kv_lora_rank": 512, "qk_rope_head_dim": 64},
        {"model_type": "llama"},
        {**LLAMA, "layer_types": ["full_attention", "sliding_attention"]},
    ],
)
def test_no_formula(document: dict[str, object]) -> None:
    """What is not known has no size."""
    assert cache_shape(ModelConfig(document), Plan(), layers=2, element=2, block=16) is None


def test_types_with_scales_have_no_size() -> None:
    """Only whole bytes are counted."""
    assert element_bytes("int4_per_token_head", 2) is None


def test_decode_context_ranks_share_the_tokens() -> None:
    """Two ranks keep half of the tokens each."""
    assert kept_tokens(ModelConfig(LLAMA), Plan(tensor=4, decode_context=2), 1001) == 501


@given(st.integers(1, 10_000), st.integers(1, 100), st.sampled_from([16, 32, 128]), st.integers(0, 1 << 40))
def test_the_longest_fits_and_one_block_more_does_not(size: int, layers: int, block: int, available: int) -> None:
    """It is the largest length whose blocks fit next to the one that is never given out."""
    shape = CacheShape(size, layers, block, "")
    longest = shape.longest(available)
    assert longest == 0 or shape.needed(longest) + shape.block_bytes <= available
    assert shape.needed(longest + block) + shape.block_bytes > available
