"""The weight files of a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_preflight.model.weights import choose, read_index, read_weights, spread
from vmon_testkit.models import llama_tensors, write_model

if TYPE_CHECKING:
    from pathlib import Path


def test_one_file(tmp_path: Path) -> None:
    """A model in one file needs no index."""
    weights = read_weights(write_model(tmp_path / "m"))
    assert list(weights.files) == ["model.safetensors"]
    assert weights.complete
    assert weights.headers["model.safetensors"].tensors.keys() == llama_tensors().keys()


def test_shards(tmp_path: Path) -> None:
    """The index names the files; others are not loaded."""
    folder = write_model(tmp_path / "m", shards=4)
    (folder / "other.safetensors").write_bytes(b"not named by the index")
    weights = read_weights(folder)
    assert len(weights.files) == len(weights.headers) == 4
    assert weights.complete


def test_missing_shard(tmp_path: Path) -> None:
    """A file that the index names and that is not there is told, whether gone or a dead link of a cache."""
    folder = write_model(tmp_path / "m", shards=4)
    (folder / "model-00002-of-00004.safetensors").unlink()
    (folder / "model-00003-of-00004.safetensors").unlink()
    (folder / "model-00003-of-00004.safetensors").symlink_to(tmp_path / "deleted")
    weights = read_weights(folder)
    assert weights.missing == ("model-00002-of-00004.safetensors", "model-00003-of-00004.safetensors")
    assert not weights.complete


def test_damaged_shard(tmp_path: Path) -> None:
    """What is wrong is told for each file, and the others are still read."""
    folder = write_model(tmp_path / "m", shards=3)
    path = folder / "model-00002-of-00003.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    weights = read_weights(folder)
    assert list(weights.damaged) == [path.name]
    assert len(weights.headers) == 2


def test_too_many_to_read(tmp_path: Path) -> None:
    """Of many files a sample is read, and the rest is named."""
    folder = write_model(tmp_path / "m", shards=10)
    weights = read_weights(folder, limit=4)
    assert len(weights.headers) == 4
    assert len(weights.unread) == 6
    assert not weights.complete


@pytest.mark.parametrize(
    ("names", "load_format", "expected"),
    [
        (["model.safetensors", "pytorch_model.bin"], "auto", ["model.safetensors"]),
        (["pytorch_model.bin", "optimizer.bin"], "auto", ["pytorch_model.bin"]),
        (["x.pt", "scheduler.pt"], "auto", ["x.pt"]),
        (["pytorch_model.bin"], "safetensors", []),
        (["consolidated.safetensors", "model.safetensors"], "auto", ["consolidated.safetensors"]),
        (["consolidated.safetensors", "model.safetensors"], "hf", ["consolidated.safetensors", "model.safetensors"]),
        (["model.safetensors", "pytorch_model.bin"], "pt", []),
        (["model.gguf"], "auto", []),
        (["model.safetensors"], "nosuch", []),
    ],
)
def test_choice(names: list[str], load_format: str, expected: list[str]) -> None:
    """The first pattern with a match wins, as in vLLM."""
    assert choose(names, load_format) == expected


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', "[" * 100000])
def test_unusable_index(tmp_path: Path, text: str) -> None:
    """An index that is none is told, and the files are read without it."""
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors.index.json").write_text(text)
    weights = read_weights(folder)
    assert "model.safetensors.index.json" in weights.unusable
    assert weights.complete


@given(st.lists(st.text(min_size=1), unique=True), st.integers(2, 20))
def test_spread_is_even(names: list[str], limit: int) -> None:
    """Never more than the limit, never twice, always both ends."""
    chosen = spread(names, limit)
    assert len(chosen) == min(len(names), limit)
    assert len(set(chosen)) == len(chosen)
    assert not names or (chosen[0], chosen[-1]) == (names[0], names[-1])


def test_index_of_any_size(tmp_path: Path) -> None:
    """Twenty thousand files are as many names."""
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {f"t{i}": f"{i}.safetensors" for i in range(20_000)}}))
    index, unusable = read_index(path)
    assert len(index) == 20_000
    assert not unusable
