"""Rules about the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_plugin_preflight.model import config_rules as rules
from vmon_testkit.models import write_model
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts

SITE = "venv/lib/python3.11/site-packages"
VLLM = {
    f"{SITE}/vllm/model_executor/models/registry.py": '_A = {"LlamaForCausalLM": ("llama", "LlamaForCausalLM")}',
    f"{SITE}/vllm/transformers_utils/config.py": "",
    f"{SITE}/transformers/models/auto/auto_mappings.py": 'X = [("llama", "LlamaConfig")]',
    f"{SITE}/transformers/models/auto/configuration_auto.py": "",
    f"{SITE}/transformers/models/doge/modeling_doge.py": "class DogeForCausalLM(PreTrained): ...",
}
REMOTE = {"AutoConfig": "x.XConfig", "AutoModelForCausalLM": "x.X"}


@pytest.mark.parametrize("text", ["{not json", "[]", "", "null"])
def test_broken(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, text: str) -> None:
    """What is no JSON object fails."""
    (write_model(tmp_path / "m") / "config.json").write_text(text)
    assert verdicts(rules.config, make_launch("/m")) == {"model.config": "failure"}


def test_missing(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """So does a folder without one; a repository that is not here cannot be told; another one may be given."""
    (write_model(tmp_path / "m") / "config.json").unlink()
    write_model(tmp_path / "other")
    assert verdicts(rules.config, make_launch("/m")) == {"model.config": "failure"}
    assert verdicts(rules.config, make_launch("org/none")) == {"model.config": "not_evaluated"}
    assert verdicts(rules.config, make_launch("/m", "--hf-config-path", "/other")) == {"model.config": "ok"}


def test_a_download_that_stopped_early(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """A snapshot without config.json would be completed, unless the network is forbidden."""
    repository, commit = "home/.cache/huggingface/hub/models--org--m", "0" * 40
    write_tree(tmp_path, {f"{repository}/refs/main": commit, f"{repository}/snapshots/{commit}/README.md": ""})
    online = make_launch("org/m", environment={"HOME": "/home"})
    offline = make_launch("org/m", environment={"HOME": "/home", "HF_HUB_OFFLINE": "1"})
    assert verdicts(rules.config, online) == {"model.config": "not_evaluated"}
    assert verdicts(rules.config, offline) == {"model.config": "failure"}


def test_mistral_format(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Files of Mistral's own kind are preferred by vLLM, and not read by vmon."""
    write_tree(write_model(tmp_path / "m"), {"params.json": "{}", "consolidated.safetensors": ""})
    assert verdicts(rules.config, make_launch("/m")) == {"model.config": "not_evaluated"}
    assert verdicts(rules.config, make_launch("/m", "--config-format", "hf")) == {"model.config": "ok"}


def test_uneven_heads(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Transformers refuses a Llama whose width its heads do not divide."""
    write_model(tmp_path / "m", num_attention_heads=3)
    assert verdicts(rules.config, make_launch("/m")) == {"model.config": "failure"}


@pytest.mark.parametrize(
    ("config", "arguments", "expected"),
    [
        ({}, (), {"model.type": "ok"}),
        ({"model_type": "nosuch"}, (), {"model.type": "failure"}),
        ({"model_type": "nosuch", "auto_map": REMOTE}, (), {"model.remote_code": "failure"}),
        (
            {"model_type": "nosuch", "auto_map": REMOTE},
            ("--trust-remote-code",),
            {"model.remote_code": "not_evaluated"},
        ),
        ({"model_type": None}, (), {"model.type": "not_evaluated"}),
        ({"model_type": None, "architectures": None}, (), {"model.type": "failure"}),
    ],
)
def test_types(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    config: dict[str, Any],
    arguments: tuple[str, ...],
    expected: dict[str, str],
) -> None:
    """A type must be known, or be explained by code that is allowed to run."""
    write_tree(tmp_path, VLLM)
    write_model(tmp_path / "m", **config)
    assert verdicts(rules.model_type, make_launch("/m", *arguments)) == expected


@pytest.mark.parametrize(
    ("architecture", "verdict"),
    [
        ("LlamaForCausalLM", "ok"),
        ("NoSuchForCausalLM", "failure"),
        ("DogeForCausalLM", "not_evaluated"),
        ("LlamaForSequenceClassification", "not_evaluated"),
    ],
)
def test_architectures(
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, architecture: str, verdict: str
) -> None:
    """What vLLM implements is ok; only what nothing could run fails."""
    write_tree(tmp_path, VLLM)
    write_model(tmp_path / "m", architectures=[architecture])
    assert verdicts(rules.architecture, make_launch("/m")) == {"model.architecture": verdict}


def test_an_override_counts(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """`--hf-overrides` replaces what the file says."""
    write_tree(tmp_path, VLLM)
    write_model(tmp_path / "m", architectures=["NoSuchForCausalLM"])
    launch = make_launch("/m", "--hf-overrides", '{"architectures": ["LlamaForCausalLM"]}')
    assert verdicts(rules.architecture, launch) == {"model.architecture": "ok"}


def test_a_vllm_that_cannot_be_read(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Without its registry nothing is proved."""
    write_model(tmp_path / "m", architectures=["NoSuchForCausalLM"], model_type="nosuch")
    assert verdicts(rules.architecture, make_launch("/m")) == {"model.architecture": "not_evaluated"}
    assert verdicts(rules.model_type, make_launch("/m")) == {"model.type": "not_evaluated"}


def test_plugins_may_add_models(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """What a package adds cannot be told by reading."""
    write_tree(tmp_path, VLLM | {f"{SITE}/more-1.dist-info/entry_points.txt": "[vllm.general_plugins]\na = b:c\n"})
    write_model(tmp_path / "m", architectures=["NoSuchForCausalLM"], model_type="nosuch")
    assert verdicts(rules.architecture, make_launch("/m")) == {"model.architecture": "not_evaluated"}
    assert verdicts(rules.model_type, make_launch("/m")) == {"model.type": "not_evaluated"}
