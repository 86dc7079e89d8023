"""Who listens where."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import psutil
import pytest

from vmon_plugin_vllm.process.ports import PortOwner, local_port, port_free, port_owner

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def port() -> Iterator[int]:
    """A loopback port on which this process listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "", "0.0.0.0"])  # noqa: S104 (asked about only)
def test_names_the_process_that_has_the_port(port: int, host: str) -> None:
    """The owner is named with pid and program, in a sentence for people."""
    owner = port_owner(host, port)
    assert owner is not None
    assert (owner.port, owner.pid) == (port, os.getpid())
    assert str(owner) == f"port {port} is in use by {owner.name} (pid {os.getpid()})"
    assert port_free(host, port) is False


def test_a_port_on_another_address_is_not_in_the_way(port: int) -> None:
    """Somebody who listens on 127.0.0.1 does not have 127.0.0.2."""
    assert port_owner("127.0.0.2", port) is None
    assert port_free("127.0.0.2", port) is True


def test_a_free_port_has_no_owner(port: int) -> None:
    """Nobody listens on a port that was just closed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert port_owner("127.0.0.1", free) is None
    assert port_free("127.0.0.1", free) is True


def test_an_owner_that_may_not_be_seen_is_told_as_such(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without permission the listener is known but not its process."""
    hidden = [c._replace(pid=None) for c in psutil.net_connections("tcp")]
    monkeypatch.setattr("psutil.net_connections", lambda _: hidden)
    owner = port_owner("127.0.0.1", port)
    assert owner == PortOwner(port)
    assert "another user or container" in str(owner)


def test_an_owner_that_vanishes_has_no_name(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may end between two questions."""

    def vanished(pid: int) -> psutil.Process:
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr("psutil.Process", vanished)
    assert port_owner("127.0.0.1", port) == PortOwner(port, os.getpid())


@pytest.mark.parametrize("error", [psutil.AccessDenied, PermissionError])
def test_a_refused_question_has_no_answer(port: int, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """A sandbox that hides /proc/net is no error."""

    def refuse(_: str) -> None:
        raise error

    monkeypatch.setattr("psutil.net_connections", refuse)
    assert port_owner("127.0.0.1", port) is None


def test_what_cannot_be_tried_is_unknown() -> None:
    """An address of another machine, a name that does not resolve, and port 0 give no answer."""
    assert port_free("192.0.2.1", 8000) is None
    assert port_free("no-such-host.invalid", 8000) is None
    assert port_free("127.0.0.1", 0) is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://localhost:8000", ("localhost", 8000)),
        ("https://127.0.0.1", ("127.0.0.1", 443)),
        ("http://[::1]:7/x", ("::1", 7)),
        ("http://0.0.0.0:1", ("0.0.0.0", 1)),  # noqa: S104 (parsed only)
        ("http://example.org:80", None),
        ("http+unix://%2Fa", None),
        ("http://localhost:notaport", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_splits_local_urls(url: str, place: tuple[str, int] | None) -> None:
    """Only HTTP URLs of this machine have a place here."""
    assert local_port(url) == place
