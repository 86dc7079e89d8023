"""The weights of a rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.fit.plan import Plan, partition
from vmon_plugin_preflight.fit.share import Share, from_config, share_of
from vmon_plugin_preflight.model.config import ModelConfig
from vmon_plugin_preflight.model.weights import read_weights
from vmon_testkit.models import LLAMA, write_model, write_safetensors

if TYPE_CHECKING:
    from pathlib import Path

LLAMA_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
}


def of(
    config: ModelConfig, plan: Plan, folder: Path | None = None, *, element: int = 2, quantization: str = ""
) -> Share:
    """The share of a rank."""
    weights = None if folder is None else read_weights(folder)
    layers = partition(config.layers or 1, plan.pipeline)
    found = share_of(weights, config, plan, layers, element=element, quantization=quantization)
    assert found is not None
    return found


def test_llama_3_1_8b_is_as_large_as_published() -> None:
    """16060522496 bytes: `total_size` in the model.safetensors.index.json of meta-llama/Llama-3.1-8B."""
    assert of(ModelConfig(LLAMA_8B), Plan()).stages == (16_060_522_496,)


def test_headers_and_configuration_agree(tmp_path: Path) -> None:
    """The same model by its files and by its sizes."""
    folder, config = write_model(tmp_path / "m", shards=3), ModelConfig(LLAMA)
    assert of(config, Plan(), folder).stages == of(config, Plan()).stages
    assert of(config, Plan(tensor=2, pipeline=2), folder).stages == of(config, Plan(tensor=2, pipeline=2)).stages


def test_stages_have_their_layers_and_ends(tmp_path: Path) -> None:
    """The first stage has the embedding, the last one the output."""
    folder = write_model(tmp_path / "m", num_hidden_layers=3)
    first, last = of(ModelConfig({**LLAMA, "num_hidden_layers": 3}), Plan(pipeline=2), folder).stages
    layer = 2 * (128 * 128 * 2 + 64 * 128 * 2 + 3 * 256 * 128 + 2 * 128)
    assert first == 2 * layer + 2 * 320 * 128
    assert last == layer + 2 * 320 * 128 + 2 * 128


def test_tied_embeddings_are_on_both_ends() -> None:
    """The last stage needs the embedding as its output."""
    config = ModelConfig({**LLAMA, "tie_word_embeddings": True})
    first, last = of(config, Plan(pipeline=2)).stages
    assert last - first == 2 * 128


def test_keys_of_few_heads_are_kept_several_times() -> None:
    """Four ranks divide everything by four, two KV heads by two."""
    one, four = of(ModelConfig(LLAMA), Plan()).stages[0], of(ModelConfig(LLAMA), Plan(tensor=4)).stages[0]
    keys = 2 * 2 * 2 * 64 * 128
    assert four == (one - keys) / 4 + keys / 2


@pytest.mark.parametrize(("quantization", "factor"), [("fp8", 1 / 2), ("bitsandbytes", 1 / 4), ("", 1)])
def test_quantizing_while_loading(tmp_path: Path, quantization: str, factor: float) -> None:
    """The least that a method could leave."""
    folder, config = write_model(tmp_path / "m"), ModelConfig(LLAMA)
    assert of(config, Plan(), folder, quantization=quantization).stages[0] == of(config, Plan()).stages[0] * factor


def test_float32_doubles_what_is_stored_in_16_bits(tmp_path: Path) -> None:
    """Elements count in the type that the model runs in."""
    folder, config = write_model(tmp_path / "m"), ModelConfig(LLAMA)
    assert of(config, Plan(), folder, element=4).stages[0] == 2 * of(config, Plan(), folder).stages[0]


def test_quantized_weights_count_as_stored(tmp_path: Path) -> None:
    """Packed integers and their scales are what is on disk."""
    folder = write_model(tmp_path / "m")
    write_safetensors(
        folder / "model.safetensors", {"model.layers.0.mlp.up_proj.qweight": ("I32", (4, 8)), "x": ("F32", (2,))}
    )
    config = ModelConfig({**LLAMA, "quantization_config": {"quant_method": "awq"}})
    assert of(config, Plan(), folder).stages == (4 * 8 * 4 + 2 * 4,)


def test_experts_are_shared_by_all_replicas(tmp_path: Path) -> None:
    """Data parallel replicas divide the experts among them, and speculative layers are not loaded."""
    folder = write_model(tmp_path / "m")
    tensors = {
        "model.layers.0.mlp.experts.0.up_proj.weight": ("BF16", (64, 64)),
        "model.layers.0.self_attn.kv_a_proj_with_mqa.weight": ("BF16", (8, 8)),
        "model.layers.2.mlp.experts.0.up_proj.weight": ("BF16", (64, 64)),
        "vision_tower.blocks.0.weight": ("BF16", (16, 16)),
    }
    write_safetensors(folder / "model.safetensors", tensors)
    config = ModelConfig({**LLAMA, "model_type": "deepseek_v3"})
    found = of(config, Plan(tensor=2, data=4), folder)
    assert found.stages == (2 * 64 * 64 / 8 + 2 * 8 * 8 + 2 * 16 * 16 / 2,)


def test_files_that_do_not_tell_are_an_estimate(tmp_path: Path) -> None:
    """The size of *.bin files is divided evenly."""
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(bytes(4000))
    found = of(ModelConfig(LLAMA), Plan(tensor=2, pipeline=2), folder)
    assert (found.stages, found.exact) == ((1000, 1000), False)


def test_unknown_models_without_files_have_no_size() -> None:
    """Nothing is guessed from a configuration of another kind."""
    assert from_config(ModelConfig({**LLAMA, "model_type": "gemma2"})) == {}
    assert from_config(ModelConfig({**LLAMA, "vocab_size": None})) == {}
