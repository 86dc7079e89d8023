"""Rules about what the weight files hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from vmon_plugin_preflight.model import tensors_rules as rules
from vmon_testkit.models import llama_tensors, write_model, write_safetensors

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts


@pytest.mark.parametrize("shards", [0, 3])
def test_complete(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, shards: int) -> None:
    """With and without an index."""
    write_model(tmp_path / "m", shards=shards)
    assert verdicts(rules.tensors, make_launch("/m")) == {"model.tensors": "ok"}
    assert verdicts(rules.shapes, make_launch("/m")) == {"model.shapes": "ok"}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("model.layers.2.self_attn.k_proj.weight", "warning"),
        ("lm_head.weight", "warning"),
        ("model.embed_tokens.weight", "warning"),
        ("model.layers.2.input_layernorm.weight", "failure"),
        ("model.norm.weight", "failure"),
    ],
)
def test_missing_tensor(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, name: str, verdict: str) -> None:
    """Without a matrix vLLM loads and says nothing; it insists on norms."""
    write_model(tmp_path / "m", num_hidden_layers=4, without=[name])
    assert verdicts(rules.tensors, make_launch("/m")) == {"model.tensors": verdict}


def test_tied_weights_need_no_output_layer(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """The embedding is used for both."""
    write_model(tmp_path / "m", tie_word_embeddings=True, without=["lm_head.weight"])
    assert verdicts(rules.tensors, make_launch("/m")) == {"model.tensors": "ok"}


def test_a_tensor_that_is_not_where_the_index_says(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """The header decides what a file holds."""
    folder = write_model(tmp_path / "m", shards=2)
    path = folder / "model.safetensors.index.json"
    document = json.loads(path.read_text())
    first, second = sorted(set(document["weight_map"].values()))
    name = next(name for name, file in document["weight_map"].items() if file == first and "proj" in name)
    document["weight_map"][name] = second
    path.write_text(json.dumps(document))
    assert verdicts(rules.tensors, make_launch("/m")) == {"model.tensors": "warning"}


@pytest.mark.parametrize(("layers", "verdict"), [(1, "failure"), (2, "ok"), (5, "failure")])
def test_another_number_of_layers(
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, layers: int, verdict: str
) -> None:
    """A Llama with too few or too many layers does not load."""
    write_model(tmp_path / "m", num_hidden_layers=2)
    launch = make_launch("/m", "--hf-overrides", json.dumps({"num_hidden_layers": layers}))
    assert verdicts(rules.tensors, launch) == {"model.tensors": verdict}


def test_models_of_other_kinds_are_not_judged(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Layers of a mixture may differ, and its shapes are not known."""
    name = "model.layers.2.mlp.gate_proj.weight"
    write_model(tmp_path / "m", num_hidden_layers=4, without=[name], model_type="deepseek_v3")
    assert verdicts(rules.tensors, make_launch("/m")) == {"model.tensors": "ok"}
    assert verdicts(rules.shapes, make_launch("/m")) == {"model.shapes": "not_evaluated"}


@pytest.mark.parametrize(
    ("override", "verdict"),
    [
        ({"intermediate_size": 999}, "failure"),
        ({"intermediate_size": 128}, "warning"),
        ({"hidden_size": 64, "head_dim": 32}, "failure"),
        ({"vocab_size": 400}, "failure"),
        ({"vocab_size": 100}, "failure"),
        ({"num_key_value_heads": 4}, "failure"),
        ({"vocab_size": None}, "ok"),
    ],
)
def test_shapes(
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, override: dict[str, Any], verdict: str
) -> None:
    """A configuration that does not belong to the weights is refused, or cuts them without a word."""
    write_model(tmp_path / "m")
    launch = make_launch("/m", "--hf-overrides", json.dumps(override))
    assert verdicts(rules.shapes, launch) == {"model.shapes": verdict}


def test_quantized_tensors_have_other_shapes(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Packed weights are not compared."""
    folder = write_model(tmp_path / "m", quantization_config={"quant_method": "awq"})
    packed = {name: ("I32", (8, 8)) if "proj" in name else entry for name, entry in llama_tensors().items()}
    write_safetensors(folder / "model.safetensors", packed)
    assert verdicts(rules.shapes, make_launch("/m")) == {"model.shapes": "not_evaluated"}
