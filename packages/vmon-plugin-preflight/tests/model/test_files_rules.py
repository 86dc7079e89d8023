"""Rules about the model's files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.model import files_rules as rules
from vmon_testkit.models import write_model
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts

OFFLINE = {"HF_HUB_OFFLINE": "1", "HOME": "/home"}
COMMIT = "0" * 40


@pytest.mark.parametrize(
    ("model", "environment", "verdict"),
    [
        ("/m", {}, "ok"),
        ("/none", {}, "failure"),
        ("a/b/c", {}, "failure"),
        ("org/none", OFFLINE, "failure"),
        ("org/none", {"HOME": "/home"}, "not_evaluated"),
        ("org/there", OFFLINE, "ok"),
        ("s3://bucket/m", {}, "not_evaluated"),
        ("/m/config.json", {}, "failure"),
    ],
)
def test_location(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    model: str,
    environment: dict[str, str],
    verdict: str,
) -> None:
    """Only what is provably not there fails; what the network might have is not evaluated."""
    write_model(tmp_path / "m")
    repository = "home/.cache/huggingface/hub/models--org--there"
    write_tree(tmp_path, {f"{repository}/refs/main": COMMIT, f"{repository}/snapshots/{COMMIT}/config.json": "{}"})
    assert verdicts(rules.location, make_launch(model, environment=environment)) == {"model.location": verdict}


def test_a_plugin_may_take_files(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """GGUF comes from a plugin, which vmon cannot look into."""
    site = "venv/lib/python3.11/site-packages/gguf_plugin-1.0.dist-info/entry_points.txt"
    write_tree(tmp_path, {"m.gguf": "", site: "[vllm.general_plugins]\ngguf = gguf:register\n"})
    assert verdicts(rules.location, make_launch("/m.gguf")) == {"model.location": "not_evaluated"}
    launch = make_launch("/m", "--load-format", "gguf")
    assert verdicts(rules.load_format, launch) == {"model.load_format": "not_evaluated"}


def test_load_format(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """A format that nobody has fails; a known one is not worth a word."""
    assert verdicts(rules.load_format, make_launch("/m", "--load-format", "nosuch")) == {"model.load_format": "failure"}
    assert verdicts(rules.load_format, make_launch("/m", "--load-format", "dummy")) == {}


def test_whole_weights(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """All files, all headers."""
    write_model(tmp_path / "m", shards=3)
    expected = {"model.weights": "ok", "model.shards": "ok", "model.damaged": "ok"}
    assert verdicts(rules.weights, make_launch("/m")) == expected


def test_no_weights(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """A folder without weights fails, unless they are not wanted."""
    (write_model(tmp_path / "m") / "model.safetensors").unlink()
    assert verdicts(rules.weights, make_launch("/m")) == {"model.weights": "failure"}
    dummy = make_launch("/m", "--load-format", "dummy")
    assert verdicts(rules.weights, dummy) == {"model.weights": "not_evaluated"}


def test_a_missing_and_a_damaged_file(make_launch: MakeLaunch, tmp_path: Path) -> None:
    """Both are named, with what to do."""
    folder = write_model(tmp_path / "m", shards=3)
    (folder / "model-00001-of-00003.safetensors").unlink()
    (folder / "model-00002-of-00003.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    found = {check.code: check for check in rules.weights.run(make_launch("/m"))}
    assert found["model.shards"].summary == "1 of 3 files of the index are missing"
    assert "model-00001-of-00003.safetensors" in found["model.shards"].fix
    assert "pointer of Git LFS" in found["model.damaged"].summary


def test_an_unusable_index(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Without a weight map, vLLM stops."""
    folder = write_model(tmp_path / "m")
    (folder / "model.safetensors.index.json").write_text("{}")
    assert verdicts(rules.weights, make_launch("/m"))["model.shards"] == "failure"


def test_an_unfinished_download(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """In the cache of the hub, what is missing would be downloaded; offline it is missing."""
    repository = tmp_path / "home/.cache/huggingface/hub/models--org--m"
    write_tree(repository, {"refs/main": COMMIT})
    folder = write_model(repository / "snapshots" / COMMIT, shards=2)
    (folder / "model-00001-of-00002.safetensors").unlink()
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    online, offline = make_launch("org/m", environment={"HOME": "/home"}), make_launch("org/m", environment=OFFLINE)
    assert verdicts(rules.weights, online)["model.shards"] == "not_evaluated"
    assert verdicts(rules.weights, offline)["model.shards"] == "failure"
    assert verdicts(rules.tokenizer, online) == {"model.tokenizer": "not_evaluated"}
    assert verdicts(rules.tokenizer, offline) == {"model.tokenizer": "failure"}


def test_tokenizer(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """It is there, not wanted, elsewhere, or missing."""
    folder = write_model(tmp_path / "m")
    assert verdicts(rules.tokenizer, make_launch("/m")) == {"model.tokenizer": "ok"}
    (folder / "tokenizer.json").unlink()
    assert verdicts(rules.tokenizer, make_launch("/m")) == {"model.tokenizer": "not_evaluated"}
    (folder / "tokenizer_config.json").unlink()
    assert verdicts(rules.tokenizer, make_launch("/m")) == {"model.tokenizer": "failure"}
    assert verdicts(rules.tokenizer, make_launch("/m", "--skip-tokenizer-init")) == {"model.tokenizer": "ok"}
    write_model(tmp_path / "other")
    assert verdicts(rules.tokenizer, make_launch("/m", "--tokenizer", "/other")) == {"model.tokenizer": "ok"}
    assert verdicts(rules.tokenizer, make_launch("/m", "--tokenizer", "/none")) == {"model.tokenizer": "failure"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("{bad", "failure"),
        ("", "failure"),
        ("version https://git-lfs.github.com/spec/v1", "failure"),
        ("[" * 100_000, "failure"),
        ("{" + " " * (3 << 20) + "}", "ok"),
        ("{" + " " * (3 << 20), "failure"),
    ],
)
def test_broken_tokenizer(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, text: str, verdict: str) -> None:
    """A file that is no JSON fails; of a large one only the ends are looked at."""
    (write_model(tmp_path / "m") / "tokenizer.json").write_text(text)
    assert verdicts(rules.tokenizer, make_launch("/m")) == {"model.tokenizer": verdict}


def test_chat_template(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """A model without one is told about it, and it is no fault."""
    folder = write_model(tmp_path / "m")
    assert verdicts(rules.chat_template, make_launch("/m")) == {"model.chat_template": "ok"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
    assert verdicts(rules.chat_template, make_launch("/m")) == {}
