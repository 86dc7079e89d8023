"""What checkpoints capture: arguments, environment, hardware."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from vmon_core.lifecycle.capture.arguments import merge_reports, parse_command
from vmon_core.lifecycle.capture.environment import allowed, of_process
from vmon_core.lifecycle.capture.hardware import hardware
from vmon_core.lifecycle.capture.software import software

if TYPE_CHECKING:
    from pathlib import Path


def test_command_line_of_every_form() -> None:
    """Values are typed, names normalised, JSON parsed."""
    arguments = parse_command(
        shlex.split(
            "python -m vllm.entrypoints.openai.api_server --model m --gpu-memory-utilization=0.9 "
            '--served-model-name a b --kv-transfer-config \'{"role": "both"}\' -dp 2 --cc.mode none'
        )
    )
    assert arguments == {
        "model": "m",
        "gpu_memory_utilization": 0.9,
        "served_model_name": ["a", "b"],
        "kv_transfer_config": {"role": "both"},
        "data_parallel_size": 2,
        "cc.mode": "none",
    }


def test_secrets_are_redacted_at_capture() -> None:
    """An API key never gets into the arguments."""
    assert parse_command(["vllm", "serve", "m", "--api-key", "s3cret"])["api_key"] == "***"


@given(st.lists(st.text(max_size=10), max_size=10))
def test_any_command_line_is_survived(command: list[str]) -> None:
    """Nonsense gives some arguments or none, never an error."""
    assert isinstance(parse_command(command), dict)


def test_server_knows_better() -> None:
    """What the server reports replaces what the command line says."""
    assert merge_reports({"max_model_len": "auto", "port": 1}, {"max_model_len": 1024})["max_model_len"] == 1024


def test_only_allowed_variables_are_kept() -> None:
    """Variables that do not matter are left out, secrets hidden."""
    kept = allowed({"VLLM_USE_V1": "1", "SECRET_SAUCE": "x", "HF_TOKEN": "hf_x", "HF_HOME": "/m"})
    assert kept == {"VLLM_USE_V1": "1", "HF_TOKEN": "***", "HF_HOME": "/m"}


def test_environment_of_a_process(tmp_path: Path) -> None:
    """It is read from the process table; one that is gone has none."""
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "environ").write_bytes(b"VLLM_A=1\0HOME=/x\0bad\0")
    assert of_process(7, tmp_path) == {"VLLM_A": "1"}
    assert of_process(8, tmp_path) == {}


def test_hardware_of_this_machine() -> None:
    """Processors and memory of the machine that runs the test are found."""
    found = hardware()
    assert found["cpus_logical"] == os.cpu_count()
    assert found["memory_bytes"] > 0


def test_hardware_with_limits(tmp_path: Path) -> None:
    """Limits of the control group are read; what is missing is left out."""
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("1048576\n")
    (group / "cpu.max").write_text("150000 100000\n")
    found = hardware(tmp_path)
    assert found["memory_limit_bytes"] == 1048576
    assert found["cpus_quota"] == 1.5
    assert "memory_bytes" not in found


def test_software_names_vllm_only_when_reported() -> None:
    """The server's version is known from the server alone."""
    assert "vllm" not in software({})
    assert software({"version": "0.32.0"})["vllm"] == "0.32.0"
