"""The rules about where the server listens, with real sockets."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules.network import port, unix_socket
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts


@pytest.fixture
def held() -> Iterator[int]:
    """A port at which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_held_port_fails_and_names_the_holder(make_launch: MakeLaunch, held: int) -> None:
    """By name and pid, where the user may see them."""
    (check,) = port.run(make_launch("m", "--port", str(held)))
    assert (check.code, str(check.verdict)) == ("network.port", "failure")
    assert "pid" in check.summary


def test_a_free_port_is_ok(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """And it is free afterwards, too."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        free = found.getsockname()[1]
    for _ in range(2):
        assert verdicts(port, make_launch("m", "--port", str(free), "--host", "127.0.0.1")) == {"network.port": "ok"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--port 99999", {"network.port": "failure"}),
        ("--port -1", {"network.port": "failure"}),
        ("--host 203.0.113.77", {"network.host": "failure"}),
        ("--host no.such.name.example", {"network.host": "not_evaluated"}),
        ("--host localhost --port 0", {"network.port": "ok"}),
        ("--uds /run/v.sock --port 99999", {}),
        ("--headless --port 99999", {}),
    ],
)
def test_what_cannot_be_bound(
    make_launch: MakeLaunch, verdicts: Verdicts, words: str, expected: dict[str, str]
) -> None:
    """Numbers that are no ports, addresses of other machines; names are looked up only when that is allowed."""
    assert verdicts(port, make_launch("m", *words.split())) == expected


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("/run/v.sock", "ok"),
        ("/run/taken", "failure"),
        ("/no/such/v.sock", "failure"),
        ("/run/" + "x" * 108, "failure"),
    ],
)
def test_a_unix_socket_needs_a_place(
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, path: str, verdict: str
) -> None:
    """VLLM does not remove what is in its way."""
    write_tree(tmp_path, {"run/taken": ""})
    assert verdicts(unix_socket, make_launch("m", "--uds", path)) == {"network.socket": verdict}
