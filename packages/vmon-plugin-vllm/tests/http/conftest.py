"""The fixture that starts tiny servers."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # test folders are no packages: this is how the tests find tinyserver

from tinyserver import TinyServer

from vmon_plugin_vllm.http.client import Client

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from tinyserver import Behaviour


@pytest.fixture
def serve() -> Iterator[Callable[..., TinyServer]]:
    """Start servers that are gone after the test."""
    servers: list[TinyServer] = []

    def start(behave: Behaviour, *, tls: ssl.SSLContext | None = None, path: str = "") -> TinyServer:
        listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        listener.bind(path or ("127.0.0.1", 0))
        listener.listen()
        scheme = "https" if tls else "http"
        url = f"unix://{path}" if path else f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        server = TinyServer(listener, url, behave, tls)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Make clients that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(url: str, **options: Any) -> Client:
            return stack.enter_context(contextlib.closing(Client(url, **options)))

        yield make
