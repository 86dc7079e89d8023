"""Reading command lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_vllm.process.command import (
    ServerOptions,
    is_vllm_command,
    runs_server,
    server_options,
)


@pytest.mark.parametrize(
    "line",
    [
        "vllm serve m",
        "/venv/bin/vllm serve m",
        "python -m vllm.entrypoints.openai.api_server --model m",
        "python3.12 -u -X dev -m vllm.entrypoints.cli.main serve m",
        "/venv/bin/python3 /venv/bin/vllm serve m",
        "env FOO=1 vllm serve m",
        "uvx vllm serve m",
        "uv run --python 3.12 vllm serve m",
        "uv run python -m vllm.entrypoints.openai.api_server",
        "numactl --cpunodebind 0 -m 0 vllm serve m",
        "nice -n 5 taskset -c 0-3 vllm serve m",
        "vmon-standin --port 8100",
    ],
)
def test_knows_a_vllm_command(line: str) -> None:
    """It is recognised directly, as a module, and behind the usual wrappers."""
    assert is_vllm_command(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "cat vllm",
        "python -c vllm",
        "python app.py vllm",
        "./start.sh",
        "bash -c vllm",
        "python -m vllmx",
        "env",
        "python -m",
    ],
)
def test_does_not_claim_other_commands(line: str) -> None:
    """A command that merely mentions vLLM, or hides it in a script, is not claimed."""
    assert not is_vllm_command(line.split())


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("vllm serve org/m", ServerOptions(model="org/m")),
        (
            "vllm serve org/m --host 0.0.0.0 --port 8100 --served-model-name a b",
            ServerOptions(model="org/m", host="0.0.0.0", port=8100, served_names=("a", "b")),  # noqa: S104 (parsed only)
        ),
        ("vllm serve --model=m --served_model_name=x", ServerOptions(model="m", served_names=("x",))),
        ("vllm serve m --uds /run/v.sock --ssl-certfile c.pem", ServerOptions(model="m", uds="/run/v.sock", tls=True)),
        ("vllm serve m --port x", ServerOptions(model="m")),
        ("vllm serve m --port", ServerOptions(model="m")),
        ("vllm serve m --port 1 --port 2", ServerOptions(model="m", port=2)),
        ("python -m vllm.entrypoints.openai.api_server --model m --port 1", ServerOptions(model="m", port=1)),
        ("vmon-standin --port 7", ServerOptions(port=7)),
        ("vmon-standin serve m --port 7", ServerOptions(model="m", port=7)),
    ],
)
def test_reads_the_options_of_a_server(line: str, options: ServerOptions) -> None:
    """Options are read in every spelling that vLLM takes; the last one counts."""
    assert server_options(line.split()) == options


@pytest.mark.parametrize("line", ["vllm", "vllm bench serve", "vllm --version", "python -m vllm.benchmarks", "sleep 1"])
def test_other_subcommands_are_no_servers(line: str) -> None:
    """Only `serve` and the API server's module start a server."""
    assert server_options(line.split()) is None


def test_a_wrapper_that_waits_is_not_the_server() -> None:
    """`uv run vllm serve` is a process of its own above the server."""
    assert not runs_server(["uv", "run", "vllm", "serve", "m"])
    assert runs_server(["python3", "/venv/bin/vllm", "serve", "m"])
    assert not runs_server([])


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (ServerOptions(), "http://127.0.0.1:8000"),
        (ServerOptions(host="0.0.0.0"), "http://127.0.0.1:8000"),  # noqa: S104 (parsed only)
        (ServerOptions(host="::"), "http://[::1]:8000"),
        (ServerOptions(host="fe80::1", port=1), "http://[fe80::1]:1"),
        (ServerOptions(host="box", tls=True), "https://box:8000"),
        (ServerOptions(uds="/a b"), "http+unix://%2Fa%20b"),
    ],
)
def test_derives_the_url(options: ServerOptions, url: str) -> None:
    """A wildcard address becomes the loopback, IPv6 gets brackets, a socket its own scheme."""
    assert options.url == url


def test_derives_the_name() -> None:
    """The first served name, else the model's last part, else the product."""
    assert ServerOptions(model="org/m", served_names=("a", "b")).name == "a"
    assert ServerOptions(model="/models/m/").name == "m"
    assert ServerOptions().name == "vllm"


@given(st.lists(st.text(max_size=12), max_size=12))
def test_any_command_line_can_be_read(command: list[str]) -> None:
    """Whatever the words are, reading them never raises."""
    assert isinstance(is_vllm_command(command), bool)
    assert isinstance(runs_server(command), bool)
    server_options(["vllm", "serve", *command])
