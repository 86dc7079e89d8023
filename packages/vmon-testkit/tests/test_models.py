"""Folders that stand for models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vmon_testkit.models import llama_tensors, write_model

if TYPE_CHECKING:
    from pathlib import Path


def test_shards_and_index(tmp_path: Path) -> None:
    """Every tensor lies in the file that the index names, once."""
    folder = write_model(tmp_path / "m", shards=3)
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert set(index) == set(llama_tensors())
    for file in set(index.values()):
        data = (folder / file).read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        assert set(header) == {name for name, there in index.items() if there == file}


def test_holes_take_no_space(tmp_path: Path) -> None:
    """A file of many gigabytes is written at once and takes a few blocks."""
    folder = write_model(tmp_path / "m", hidden_size=16384, intermediate_size=65536)
    status = (folder / "model.safetensors").stat()
    assert status.st_size > 10 << 30
    assert status.st_blocks * 512 < 1 << 20
