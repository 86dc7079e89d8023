"""Environment: what is kept, what is hidden, and what is said when it cannot be read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.lifecycle.capture.bounds import MAX_ITEMS, MAX_TEXT
from vmon_core.lifecycle.capture.environment import NOTE, allowed, of_process
from vmon_core.redaction import HIDDEN

MATTER = [
    *("VLLM_USE_V1", "VLLM_MOE_MAX_TOKENS", "HF_HOME", "TOKENIZERS_PARALLELISM", "CUDA_VISIBLE_DEVICES", "NCCL_DEBUG"),
    *("NVIDIA_VISIBLE_DEVICES", "GLOO_SOCKET_IFNAME", "TORCH_LOGS", "TORCHINDUCTOR_CACHE_DIR", "OMP_NUM_THREADS"),
    *("PYTORCH_CUDA_ALLOC_CONF", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "RAY_ADDRESS", "SLURM_JOB_ID"),
    *("KUBERNETES_SERVICE_HOST", "POD_NAME", "NODE_NAME", "RANK", "LD_PRELOAD"),
]


@pytest.mark.parametrize("name", MATTER)
def test_variables_that_matter_are_kept(name: str) -> None:
    """Whatever steers vLLM, its libraries or its placement is captured as it is."""
    assert allowed({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "name", ["HOME", "PATH", "SECRET_SAUCE", "AWS_SECRET_ACCESS_KEY", "MY_VLLM_X", "SSH_AUTH_SOCK"]
)
def test_other_variables_are_left_out(name: str) -> None:
    """Nothing else of a user's environment is captured, not even its name."""
    assert allowed({name: "value"}) == {}


@given(st.text("abcdefgh23456789", min_size=8).map(lambda text: f"Q{text}"))
def test_secrets_are_redacted(secret: str) -> None:
    """By name and by shape."""
    variables = {
        "HF_TOKEN": secret,
        "VLLM_API_KEY": secret,
        "HF_ENDPOINT": f"https://u:{secret}@h",
        "VLLM_X": f"sk-{secret * 2}",
    }
    kept = allowed(variables)
    assert kept.keys() == variables.keys()
    assert secret not in str(kept)


def test_a_flood_of_variables_is_cut() -> None:
    """Neither one huge value nor very many variables fill a checkpoint."""
    kept = allowed({f"VLLM_{n}": "x" * 5000 for n in range(2 * MAX_ITEMS)})
    assert len(kept) == MAX_ITEMS
    assert {len(value) for value in kept.values()} == {MAX_TEXT}


def test_environment_of_a_real_process() -> None:
    """It is what the process was started with."""
    environment = {**os.environ, "VLLM_A": "1", "HF_TOKEN": "hf_secret"}
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it runs its own program by now
        captured = of_process(process.pid)
        process.communicate(b"\n", timeout=10)
    assert captured["VLLM_A"] == "1"
    assert captured["HF_TOKEN"] == HIDDEN


def test_bytes_of_any_kind_are_survived(tmp_path: Path) -> None:
    """Invalid UTF-8, entries without a value and an overwritten environment do no harm."""
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "environ").write_bytes(b"VLLM_A=1\0VLLM_B=\xff\xfe\0VLLM::EngineCore\0\0=\0VLLM_C=a=b")
    assert of_process(7, tmp_path) == {"VLLM_A": "1", "VLLM_B": "\ufffd\ufffd", "VLLM_C": "a=b"}


def test_process_that_is_gone(tmp_path: Path) -> None:
    """A note takes the place of the variables."""
    assert of_process(8, tmp_path) == {NOTE: "the environment of process 8 cannot be read: No such file or directory"}


def test_process_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is told apart from an empty environment."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert of_process(1) == {NOTE: "the environment of process 1 cannot be read: Permission denied"}


def test_note_passes_the_allow_list() -> None:
    """A checkpoint shows why its environment is empty."""
    assert allowed({NOTE: "x"}) == {NOTE: "x"}
