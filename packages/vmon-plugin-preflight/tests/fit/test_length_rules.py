"""The length of requests, as vLLM derives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_plugin_preflight.fit import batch_rules, length_rules
from vmon_plugin_preflight.fit.length import longest
from vmon_plugin_preflight.model.config import ModelConfig
from vmon_testkit.models import write_model
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts


@pytest.mark.parametrize(
    ("document", "tokens", "default"),
    [
        ({"max_position_embeddings": 2048}, 2048, 2048),
        ({"n_positions": 1024}, 1024, 1024),
        ({"max_position_embeddings": 8192, "seq_length": 4096}, 4096, 4096),
        ({"max_position_embeddings": 8192, "model_max_length": 131072}, 131072, 131072),
        ({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 4.0}}, 16384, 16384),
        ({"max_position_embeddings": 4096, "rope_scaling": {"rope_type": "dynamic", "factor": 2}}, 8192, 8192),
        ({"max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3", "factor": 8}}, 131072, 131072),
        ({"max_position_embeddings": 32768, "rope_parameters": {"rope_type": "yarn", "factor": 4}}, 32768, 32768),
        (
            {
                "max_position_embeddings": 131072,
                "original_max_position_embeddings": 4096,
                "rope_scaling": {"type": "longrope"},
            },
            131072,
            4096,
        ),
        (
            {
                "max_position_embeddings": 100,
                "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8}},
            },
            800,
            800,
        ),
        ({"model_type": "gemma3", "max_position_embeddings": 100, "rope_scaling": {"factor": 8.0}}, 100, 100),
        ({"max_position_embeddings": 100, "rope_scaling": {"type": "linear", "factor": None}}, 100, 100),
    ],
)
def test_longest(document: dict[str, Any], tokens: int, default: int) -> None:
    """Keys, rotary scaling, and the length that is taken when none is given."""
    found = longest(ModelConfig(document))
    assert found is not None
    assert (found.tokens, found.default) == (tokens, default)


def test_a_length_that_a_class_defaults_is_unknown() -> None:
    """What config.json leaves out is not guessed."""
    assert longest(ModelConfig({"model_type": "llama"})) is None


@pytest.mark.parametrize(
    ("length", "environment", "expected"),
    [
        ("2048", {}, "ok"),
        ("2049", {}, "failure"),
        ("4096", {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}, "warning"),
        ("0", {}, "failure"),
        ("auto", {}, None),
    ],
)
def test_length(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    length: str,
    environment: dict[str, str],
    expected: str | None,
) -> None:
    """The model is made for 2048 tokens."""
    write_model(tmp_path / "m")
    launch = make_launch("/m", "--max-model-len", length, environment=environment)
    assert verdicts(length_rules.length, launch) == ({} if expected is None else {"length.model": expected})


def test_unknown_length(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """A length that is elsewhere is not judged."""
    write_model(tmp_path / "m", max_position_embeddings=None)
    assert verdicts(length_rules.length, make_launch("/m", "--max-model-len", "9")) == {"length.model": "not_evaluated"}


@pytest.mark.parametrize(("kind", "verdict"), [("yarn", "ok"), ("nosuch", "failure")])
def test_rope(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, kind: str, verdict: str) -> None:
    """The kind must be named in vLLM's source."""
    folder = "venv/lib/python3.11/site-packages/vllm/model_executor/layers/rotary_embedding"
    write_tree(tmp_path, {f"{folder}/__init__.py": 'if scaling_type == "yarn": ...'})
    write_model(tmp_path / "m", rope_parameters={"rope_type": kind})
    assert verdicts(length_rules.rope, make_launch("/m")) == {"model.rope": verdict}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--no-enable-chunked-prefill --max-num-batched-tokens 128", {"batch.tokens": "failure"}),
        ("--no-enable-chunked-prefill --max-num-batched-tokens 2048", {"batch.tokens": "ok"}),
        ("--max-num-batched-tokens 128", {}),
        ("--max-num-batched-tokens 16 --max-num-seqs 32", {"batch.sequences": "failure"}),
        ("--max-num-seqs 100000", {"batch.sequences": "failure"}),
        ("--max-num-seqs 256", {"batch.sequences": "ok"}),
    ],
)
def test_batches(
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, arguments: str, expected: dict[str, str]
) -> None:
    """A step must hold a prompt that is not cut, and a token for each sequence."""
    write_model(tmp_path / "m")
    launch = make_launch("/m", *arguments.split())
    assert verdicts(batch_rules.tokens, launch) | verdicts(batch_rules.sequences, launch) == expected
