"""vLLM is found in a command line, or it is said why not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_preflight.command.problem import CommandProblem
from vmon_plugin_preflight.command.program import find_program


@pytest.mark.parametrize(
    ("command", "executable", "words"),
    [
        ("vllm serve m", "vllm", ("serve", "m")),
        ("/v/bin/vllm serve m --port 1", "/v/bin/vllm", ("serve", "m", "--port", "1")),
        ("numactl -N 0 -m 0 vllm serve m", "vllm", ("serve", "m")),
        ("env A=b -u C vllm serve m", "vllm", ("serve", "m")),
        ("nice -n 5 nohup vllm serve m", "vllm", ("serve", "m")),
        ("uv run vllm serve m", "", ("serve", "m")),
        ("python3 -m vllm.entrypoints.openai.api_server --model m", "python3", ("--model", "m")),
        ("/v/bin/python -O -m vllm.entrypoints.cli.main serve m", "/v/bin/python", ("serve", "m")),
        ("/v/bin/python /v/bin/vllm serve m", "/v/bin/python", ("serve", "m")),
    ],
)
def test_the_server_is_found(command: str, executable: str, words: tuple[str, ...]) -> None:
    """Directly, behind wrappers, or behind Python."""
    program = find_program(command.split())
    assert (program.executable, program.words) == (executable, words)


def test_env_changes_the_environment() -> None:
    """What `env` sets and takes away counts."""
    assert find_program(["env", "A=b", "-u", "C", "vllm", "serve", "m"]).environment == {"A": "b", "C": None}


@pytest.mark.parametrize(
    "command",
    [
        "sh -c vllm",
        "docker run vllm/vllm-openai",
        "vllm bench serve",
        "vllm",
        "python -c pass",
        "python -m http.server",
        "./start.sh",
        "env A=b",
        "",
    ],
)
def test_what_cannot_be_seen_is_said(command: str) -> None:
    """A script, a container, another program: there is no verdict about it."""
    with pytest.raises(CommandProblem) as caught:
        find_program(command.split())
    assert caught.value.code == "command.not_understood"
    assert not caught.value.refused


@given(st.lists(st.text(max_size=10) | st.sampled_from(["vllm", "serve", "env", "python", "-m", "-u", "A=b"])))
def test_no_words_break_it(words: list[str]) -> None:
    """Whatever is run, there is a program or a reason."""
    with contextlib.suppress(CommandProblem):
        assert find_program(words).words is not None
