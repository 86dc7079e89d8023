"""The configuration of a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_preflight.model.config import ConfigError, ModelConfig, merge, read_json
from vmon_testkit.models import LLAMA

if TYPE_CHECKING:
    from pathlib import Path


def test_llama() -> None:
    """What a plain configuration says."""
    config = ModelConfig(LLAMA)
    assert (config.layers, config.hidden, config.heads, config.kv_heads, config.head_size) == (2, 128, 4, 2, 32)
    assert (config.vocabulary, config.experts, config.dtype, config.latent) == (320, 0, "bfloat16", None)
    assert config.plain
    assert not config.nested


def test_nested() -> None:
    """Multi-modal models keep their language model apart."""
    config = ModelConfig({"model_type": "x", "torch_dtype": "torch.float16", "text_config": LLAMA})
    assert (config.nested, config.heads, config.text_type, config.model_type) == (True, 4, "llama", "x")
    assert config.dtype == "float16"


def test_old_names() -> None:
    """GPT-2 calls everything otherwise, and its key heads are its heads."""
    config = ModelConfig({"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12})
    assert (config.layers, config.hidden, config.heads, config.kv_heads, config.head_size) == (12, 768, 12, 12, 64)


def test_defaults_of_classes_are_unknown() -> None:
    """Gemma's head size is not hidden size / heads when it is left out: nothing is guessed."""
    config = ModelConfig({"model_type": "gemma2", "hidden_size": 2304, "num_attention_heads": 8})
    assert (config.head_size, config.kv_heads, config.plain) == (None, None, False)


def test_latent_attention() -> None:
    """DeepSeek V3 keeps 512 + 64 elements for a token and layer."""
    document = {"model_type": "deepseek_v3", "kv_lora_rank": 512, "qk_rope_head_dim": 64}
    assert ModelConfig(document).latent == 576
    assert ModelConfig({**document, "model_type": "llama"}).latent is None


def test_quantization() -> None:
    """It may stand in either part, under either name."""
    assert ModelConfig({"quantization_config": {"quant_method": "awq"}}).quantization == {"quant_method": "awq"}
    assert ModelConfig({"text_config": {"compression_config": {"a": 1}}}).quantization == {"a": 1}
    assert ModelConfig({"quantization_config": None}).quantization == {}


def test_overrides() -> None:
    """Nested objects are merged, everything else is replaced."""
    assert merge(LLAMA, {"vocab_size": 1})["vocab_size"] == 1
    assert merge({"a": {"b": 1}}, {"a": 2}) == {"a": 2}


@pytest.mark.parametrize("text", ["{not json", "[]", "", "[" * 100_000, '"x"'])
def test_no_configuration(tmp_path: Path, text: str) -> None:
    """What is no JSON object is told as such."""
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_json(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A configuration of gigabytes is none."""
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="more than"):
        read_json(path)


SCALAR = st.sampled_from([None, True, 0, -1, 7, 1.5, float("inf"), "", "x"])
JSON = SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(st.sampled_from("abc"), SCALAR, max_size=2)
KEYS = ("architectures", "model_type", "text_config", "num_attention_heads", "quantization_config", "dtype", *LLAMA)


@given(st.dictionaries(st.sampled_from(KEYS), JSON | st.dictionaries(st.sampled_from(KEYS), JSON)))
def test_any_configuration_is_read(document: dict[str, Any]) -> None:
    """Whatever stands where, every property gives a value or None."""
    config = ModelConfig(json.loads(json.dumps(document)))
    names = [name for name, value in vars(type(config)).items() if isinstance(value, property)]
    assert names
    for name in names:
        getattr(config, name)
    assert config.text is not None
