"""The real vLLM by itself: when this fails, its environment is broken, and the other tests here say nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.vllm.person import START_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.vllm.person import Server

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

STOP_SECONDS = 60.0
"""How long an idle server may take to end after a SIGTERM."""


@pytest.fixture
def process(server: Server, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server, started as a person without vmon would, in a session of its own; killed when the test failed."""
    environment = {**os.environ, **server.environment}
    with (tmp_path / "vllm.log").open("wb") as log:
        started = subprocess.Popen(
            server.command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    yield started
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def test_it_starts_completes_and_stops(server: Server, process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """It becomes healthy, answers a prompt, ends when it is asked to, and leaves no process of its session."""
    log = tmp_path / "vllm.log"
    assert wait_until(lambda: is_healthy(server, process, log), START_SECONDS), log.read_text(errors="replace")[-4000:]
    assert complete(server, tokens=5) == 5
    process.terminate()
    process.wait(STOP_SECONDS)
    assert wait_until(lambda: not members(process.pid), STOP_SECONDS), members(process.pid)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look four times a second whether `condition` holds, for so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.25)
    return True


def is_healthy(server: Server, process: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether /health says so; a server that ended will never say it."""
    assert process.poll() is None, log.read_text(errors="replace")[-4000:]
    try:
        return server.health() == 200
    except (OSError, HTTPException):
        return False


def complete(server: Server, *, tokens: int) -> int:
    """Ask for a completion; returns how many tokens were made."""
    request = {"model": "tiny", "prompt": "a server starts", "max_tokens": tokens, "ignore_eos": True}
    with contextlib.closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("POST", "/v1/completions", json.dumps(request), {"content-type": "application/json"})
        answer = json.load(connection.getresponse())
    return int(answer["usage"]["completion_tokens"])


def members(session: int) -> list[psutil.Process]:
    """The processes that live in a session."""
    return [process for process in psutil.process_iter() if session_of(process.pid) == session]


def session_of(pid: int) -> int | None:
    """The session of a process, None when it has just ended."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
