"""Arguments: every form of a vLLM command line, and agreement with what real servers reported."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.lifecycle.capture.arguments import merge_reports, parse_command
from vmon_core.lifecycle.capture.bounds import MAX_ITEMS, MAX_TEXT

TRACES = Path(__file__).parents[2] / "traces"
RECORDED = sorted(path.parent.name for path in TRACES.glob("*/launch.json"))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("vllm serve m", {"model": "m"}),
        ("/venv/bin/python /venv/bin/vllm serve m --port 1", {"model": "m", "port": 1}),
        ("env A=b numactl --membind 0 vllm serve m -tp 2", {"model": "m", "tensor_parallel_size": 2}),
        ("python -m vllm.entrypoints.openai.api_server --model m", {"model": "m"}),
        ("python -m vllm.entrypoints.cli.main serve m", {"model": "m"}),
        ("docker run --rm x/vllm-openai:v0.32.0 --model m --port 1", {"model": "m", "port": 1}),
        ("python /srv/api_server.py --port 1", {"port": 1}),
        ("vllm serve --max-model-len 8 m", {"model": "m", "max_model_len": 8}),
        ("vllm serve --enforce-eager m", {"model": "m", "enforce_eager": True}),
        ("vllm serve m n", {"model": "m"}),
        ("stand-in --port 1", {"port": 1}),
        ("sleep 5", {}),
        ("", {}),
    ],
)
def test_where_the_arguments_begin(command: str, arguments: dict[str, Any]) -> None:
    """The server's own arguments are found behind every kind of wrapper, and the model wherever it stands."""
    assert parse_command(shlex.split(command)) == arguments


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ("--max-model-len 1024", {"max_model_len": 1024}),
        ("--max_model_len=1024", {"max_model_len": 1024}),
        ("--gpu-memory-utilization .9", {"gpu_memory_utilization": 0.9}),
        ("--max-logprobs -1 --x -1e3", {"max_logprobs": -1, "x": -1000.0}),
        (
            "--max-model-len 32k --revision 0x1f --dtype auto",
            {"max_model_len": "32k", "revision": "0x1f", "dtype": "auto"},
        ),
        ("--enforce-eager --no-enable-prefix-caching", {"enforce_eager": True, "enable_prefix_caching": False}),
        ("--served-model-name a b --port 1", {"served_model_name": ["a", "b"], "port": 1}),
        ("--served-model-name a", {"served_model_name": ["a"]}),
        ("--middleware a --middleware b", {"middleware": ["a", "b"]}),
        ("--port 1 --port 2", {"port": 2}),
        (
            "-tp 2 -pp=3 -dp 4 -ep",
            {
                **dict.fromkeys(["enable_expert_parallel"], True),
                "tensor_parallel_size": 2,
                "pipeline_parallel_size": 3,
                "data_parallel_size": 4,
            },
        ),
        ("-O3", {"optimization_level": 3}),
        ("-O 2", {"optimization_level": 2}),
        ("-O=1", {"optimization_level": 1}),
        ("-O.mode 3", {"compilation_config.mode": 3}),
        ("-cc.pass_config.fuse_norm=true", {"compilation_config.pass_config.fuse_norm": "true"}),
        ("--kv-transfer-config.kv_role both", {"kv_transfer_config.kv_role": "both"}),
        ("--a.b+ 1,2 --a.b+=x", {"a.b": [1, 2, "x"]}),
        (
            """--kv-transfer-config '{"kv_role": "both", "n": [1, 2.5, NaN, 1e999]}'""",
            {"kv_transfer_config": {"kv_role": "both", "n": [1, 2.5, "NaN", "1e999"]}},
        ),
        ("--x '{broken' --y ''", {"x": "{broken", "y": ""}),
        ("--x 99999999999999999999999 --y 1e999", {"x": 1e23, "y": "1e999"}),
    ],
)
def test_options_of_every_form(options: str, arguments: dict[str, Any]) -> None:
    """Names are normalised, values typed."""
    assert parse_command(["vllm", "serve", "m", *shlex.split(options)]) == {"model": "m", **arguments}


def test_secrets_are_redacted_at_capture() -> None:
    """No secret gets into the arguments, whichever way it was given."""
    command = "vllm serve m --api-key s3cret t0ken --hf-token=s3cret --x.password s3cret --url http://u:s3cret@h"
    arguments = parse_command(
        [*shlex.split(command), "--cfg", '{"auth": {"key": "s3cret"}}', "--env", "HF_TOKEN=s3cret"]
    )
    assert "s3cret" not in str(arguments)
    assert "t0ken" not in str(arguments)
    assert arguments["api_key"] == ["***", "***"]


@given(
    st.lists(st.text(max_size=10) | st.sampled_from(["--a", "-O", "=", "serve", "--a.b+", "-1", "{", "["]), max_size=12)
)
def test_any_command_line_is_survived(command: list[str]) -> None:
    """Nonsense gives some arguments or none, never an error, and always plain data."""
    arguments = parse_command(command)
    assert json.loads(json.dumps(arguments, allow_nan=False)) == arguments


def test_endless_command_lines_are_cut() -> None:
    """Neither one huge word nor very many words fill a checkpoint."""
    words = ["vllm", "serve", "m", "--chat-template", "x" * 1_000_000, "--deep", "[" * 100_000]
    assert len(json.dumps(parse_command(words))) < 3 * MAX_TEXT
    many = parse_command(["vllm", "serve", *(f"--option-{n}" for n in range(10 * MAX_ITEMS))])
    assert len(many) == MAX_ITEMS


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_command_lines_agree_with_the_servers(name: str) -> None:
    """What a real server reported of its arguments is what its command line was read as."""
    argv = json.loads((TRACES / name / "launch.json").read_text())["argv"]
    arguments = parse_command(argv)
    assert arguments["model"] == argv[2]
    for argument, value in _reported(name).items():
        if argument in arguments:
            assert arguments[argument] == value


def _reported(name: str) -> dict[str, Any]:
    """The report in a plain log; objects that do not print as Python literals make it unreadable."""
    log = TRACES / name / "log.jsonl"
    for row in log.read_text().splitlines() if log.exists() else []:
        line = json.loads(row)["line"]
        _, found, report = line.partition("non-default args: ")
        if found and line.startswith("(") and "(" not in report:
            return dict(ast.literal_eval(report))
    return {}


def test_some_recorded_servers_reported() -> None:
    """The comparison above compares something."""
    assert sum(bool(_reported(name)) for name in RECORDED) > 20


def test_server_knows_better() -> None:
    """What the server reports replaces what the command line says, parts of a configuration included."""
    merged = merge_reports(
        {"max_model_len": "auto", "port": 1, "cc.mode": 3}, {"max_model_len": 1024, "cc": {"mode": 1}}
    )
    assert merged == {"max_model_len": 1024, "port": 1, "cc": {"mode": 1}}


def test_reported_secrets_are_redacted() -> None:
    """A server that tells its key does not make vmon tell it."""
    assert merge_reports({}, {"api_key": ["s3cret"], "x": {"hf_token": "s3cret"}}) == {
        "api_key": ["***"],
        "x": {"hf_token": "***"},
    }
