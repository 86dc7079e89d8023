"""`vmon check` and a real start say the same about each command line: no false alarm, hardly a failure unforeseen."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.vllm.launches import LAUNCHES, Launch
from tests.vllm.person import configure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

AT_ONCE = 2
"""Starts side by side: importing takes most of a failing one, and that is the work of one processor."""

READY = "Application startup complete."
START_SECONDS = 240.0
FORESEEN = 0.9
"""The share of failures that must be predicted with the right code."""


@attrs.frozen
class Fate:
    """What was predicted of a launch, and what became of it."""

    launch: Launch
    works: bool
    exit_code: int
    failed: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the prediction names the cause of a failure, or nothing for a launch that works."""
        return not self.failed if self.works else self.launch.code in self.failed


@pytest.fixture
def held_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_predictions_come_true(real_vllm: tuple[str, str], held_port: int, tmp_path: Path) -> None:
    """Nothing that works is called a failure; nine of ten failures are foreseen with their cause."""
    ports = _free_ports(len(LAUNCHES))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        fates = list(pool.map(lambda at: _fate(*at, real_vllm, tmp_path, held_port), zip(LAUNCHES, ports, strict=True)))
    _print_table(fates)
    assert [f.launch.name for f in fates if f.works and f.launch.code] == [], "these were meant to fail"
    assert [f.launch.name for f in fates if not f.works and not f.launch.code] == [], "these were meant to work"
    assert [(f.launch.name, f.failed) for f in fates if f.works and f.failed] == [], "false alarms"
    failures = [f for f in fates if not f.works]
    missed = [(f.launch.name, f.launch.code, f.failed) for f in failures if not f.right]
    assert len(missed) <= (1 - FORESEEN) * len(failures), missed


def _fate(launch: Launch, port: int, vllm: tuple[str, str], folder: Path, held: int) -> Fate:
    program, model = vllm
    command = launch.command(program, Path(model), folder, port, held)
    usual = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment = {**os.environ, **usual, **launch.environment}
    began = time.monotonic()
    checks, exit_code = _check(command, environment, folder)
    took = time.monotonic() - began
    failed = tuple(check["code"] for check in checks if check["verdict"] == "failure")
    works = _starts(command, environment, folder / f"{launch.name}.log")
    return Fate(launch, works, exit_code, failed, took)


def _check(command: tuple[str, ...], environment: Mapping[str, str], folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Ask `vmon check`."""
    vmon = (sys.executable, "-m", "vmon_core", "--config", str(configure(folder)))
    done = subprocess.run(
        [*vmon, "check", "--json", "--", *command], env=environment, capture_output=True, text=True, check=False
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def _starts(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> bool:
    """Start the server for real and end it; whether it got ready."""
    with log.open("wb") as out:
        server = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        end = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < end:
            if READY in log.read_text(errors="replace"):
                return True
            time.sleep(0.2)  # how often the log is read; the start takes ten seconds and more
        return False
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Kill the whole session: what outlives its main process would disturb the next start."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _print_table(fates: list[Fate]) -> None:
    """Print what was predicted against what came true."""
    for fate in fates:
        mark = "ok" if fate.right else "WRONG"
        truth = "works" if fate.works else "fails"
        print(f"{mark:6}{truth:6} exit {fate.exit_code}  {fate.launch.name:28} {', '.join(fate.failed) or '-'}")
    print(f"{'':16}{'will fail':>12}{'otherwise':>12}")
    for truth, works in (("works", True), ("fails", False)):
        some = [fate for fate in fates if fate.works is works]
        foretold = sum(bool(fate.failed) for fate in some)
        print(f"{truth:16}{foretold:12}{len(some) - foretold:12}")
    print(f"slowest check: {max(fate.seconds for fate in fates):.2f} s")
