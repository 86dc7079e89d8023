"""Where the real vLLM is, and a person who uses vmon on it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.vllm.person import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def real_vllm() -> tuple[str, str]:
    """The vllm executable and a tiny model; without them the tests are skipped, but on CI that is a failure."""
    found = os.environ.get("VMON_VLLM_BIN", ""), os.environ.get("VMON_TINY_MODEL", "")
    if not all(Path(path).exists() for path in found) or not all(found):
        message = (
            "there is no real vLLM: run `nox -s vllm`, which builds one and sets VMON_VLLM_BIN and VMON_TINY_MODEL"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture
def server(real_vllm: tuple[str, str], tmp_path: Path) -> Iterator[Server]:
    """A command line for a real server on a free port; whatever is left of it is ended after the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Server(*real_vllm, port, tmp_path)
    yield made
    made.end()
