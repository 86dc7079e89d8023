"""The rules about what must be had before a start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_plugin_preflight.installation import Installation
from vmon_plugin_preflight.rules.access import program, token
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts

MODEL = "meta-llama/Llama-3.1-8B"


@pytest.mark.parametrize(
    ("installation", "verdict"),
    [
        (Installation(), "failure"),
        (Installation(located=True), "warning"),
        (Installation(located=True, version="0.32.0"), "ok"),
    ],
)
def test_the_program_must_be_there(
    make_launch: MakeLaunch, verdicts: Verdicts, installation: Installation, verdict: str
) -> None:
    """With vLLM in its environment."""
    launch = attrs.evolve(make_launch("m"), installation=installation)
    assert verdicts(program, launch) == {"command.program": verdict}


@pytest.mark.parametrize(
    ("model", "variable", "file", "expected"),
    [
        (MODEL, "A", "", {"access.token": "warning"}),
        (MODEL, "HF_TOKEN", "", {"access.token": "ok"}),
        (MODEL, "HF_HUB_OFFLINE", "", {}),
        (MODEL, "A", "root/.cache/huggingface/token", {"access.token": "ok"}),
        (MODEL, "A", "root/.cache/huggingface/hub/models--meta-llama--Llama-3.1-8B/x", {"access.token": "ok"}),
        ("Qwen/Qwen3-8B", "A", "", {}),
    ],
)
def test_a_gated_model_needs_a_token(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    model: str,
    variable: str,
    file: str,
    expected: dict[str, str],
) -> None:
    """From the environment or a file, unless the model is here already."""
    write_tree(tmp_path, {file: ""} if file else {})
    assert verdicts(token, make_launch(model, environment={variable: "1"})) == expected


def test_no_token_is_ever_told(make_launch: MakeLaunch) -> None:
    """Only that there is one."""
    told = str(list(token.run(make_launch(MODEL, environment={"HF_TOKEN": "hf_secret"}))))
    assert "hf_secret" not in told
