"""Workers die, are killed, are inherited, and are gone in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_sandbox.engine import Engine, SandboxCrashedError, SandboxLimitError, SandboxUnavailableError
from vmon_plugin_sandbox.engine import pool as pools
from vmon_plugin_sandbox.hardening.confinement import Confinement
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE = 10.0
STARTED = """
import os, sys
from vmon_plugin_sandbox.engine import Engine
engine = Engine(workers=1)
engine.run("return 1")
with engine._pool.session() as session:
    print(session.worker_pid, flush=True)
"""


@pytest.fixture
def single() -> Iterator[Engine]:
    """An engine with one worker, to see which one it is."""
    made = Engine(workers=1)
    made.run("return 1")
    yield made
    made.close()


def worker(engine: Engine) -> int:
    """The process of an engine's only worker."""
    with engine._pool.session() as session:
        return session.worker_pid or 0


def is_gone(pid: int) -> bool:
    """Whether a process ended."""
    return not Path(f"/proc/{pid}").exists()


def test_runs_share_a_worker(single: Engine) -> None:
    """Starting one takes longer than a hundred runs."""
    assert len({worker(single) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    "code", ["while True: pass", "raise TimeoutError", "return {print: 1, (lambda: 1): 2}, [0] * 10**9"]
)
def test_a_limit_costs_the_worker(single: Engine, code: str) -> None:
    """Its heap is not to be trusted."""
    before = worker(single)
    with pytest.raises(SandboxLimitError):
        single.run(code)
    assert worker(single) != before
    wait_until(lambda: is_gone(before))


def test_a_plain_error_does_not(single: Engine) -> None:
    """That would make every mistake expensive."""
    before = worker(single)
    with pytest.raises(Exception, match="division"):
        single.run("return 1 / 0")
    assert worker(single) == before


def test_a_worker_that_died_is_replaced(single: Engine) -> None:
    """Whoever killed it, the run succeeds."""
    os.kill(worker(single), signal.SIGKILL)
    assert single.run("return 2").value == 2


def test_a_worker_that_dies_again_and_again(single: Engine) -> None:
    """Twice is enough: it is the code, or the machine."""

    def deadly() -> None:
        for pid in children():  # those of other engines are replaced as well
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(SandboxCrashedError, match="the worker died"):
        single.run("die()\nwhile True: pass", functions={"die": deadly})
    assert single.run("return 3").value == 3


def children() -> list[int]:
    """The workers among this process's children."""
    rows = [
        (path.name, (path / "stat").read_text()) for path in Path("/proc").glob("[0-9]*") if (path / "stat").exists()
    ]
    ours = [row for row in rows if row[1].rpartition(")")[2].split()[1] == str(os.getpid())]
    return [int(pid) for pid, row in ours if "(monty)" in row]


def test_no_worker_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The code is not to blame, and the message says what to look at."""
    program = tmp_path / "worker"
    program.write_text('#!/bin/sh\ntest "$1" = --version\n')
    program.chmod(0o755)
    monkeypatch.setattr(Confinement, "_launcher", lambda *_: program)
    with pytest.raises(SandboxUnavailableError, match="no worker starts") as caught:
        Engine().run("return 1")
    assert caught.value.problem.help


def test_all_workers_are_busy(single: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits too long is told so."""
    monkeypatch.setattr(pools, "CHECKOUT_TIMEOUT", 0.1)
    engine, held, release = Engine(workers=1), threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        release.wait(DEADLINE)

    thread = threading.Thread(target=lambda: engine.run("hold()\nreturn 1", functions={"hold": hold}))
    thread.start()
    assert held.wait(DEADLINE)
    with pytest.raises(SandboxUnavailableError, match="no worker was free"):
        engine.run("return 1")
    release.set()
    thread.join()
    engine.close()


def test_an_engine_that_was_closed_starts_again() -> None:
    """And its workers and its launcher were gone."""
    engine = Engine(workers=1)
    before = worker(engine)
    program = engine._pool._started()._confinement.program
    engine.close()
    wait_until(lambda: is_gone(before))
    assert not program.exists() or "monty" in program.name
    assert engine.run("return 1").value == 1
    engine.close()


def started(code: str, place: Path) -> tuple[list[int], subprocess.CompletedProcess[str]]:
    """The workers of a program that ran to its end, and how it ended."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STARTED + code], capture_output=True, text=True, timeout=60, check=False
    )
    return [int(pid) for pid in done.stdout.split("\n")[0].split()], done


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError", "os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_workers_end_with_the_program(end: str, tmp_path: Path) -> None:
    """However it ends."""
    workers, done = started(end, tmp_path)
    assert workers, done.stderr
    for pid in workers:
        wait_until(lambda pid=pid: is_gone(pid))  # type: ignore[misc]  # mypy cannot infer the type of a default


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)"])
def test_a_forked_child_is_told(end: str, tmp_path: Path) -> None:
    """It would hang; and neither what it tries nor its end touches the workers of its parent."""
    code = f"""
from vmon_plugin_sandbox.engine import SandboxUnavailableError
pid = os.fork()
if pid == 0:
    try:
        engine.run("return 2")
    except SandboxUnavailableError as error:
        print("child", error, flush=True)
    {end}
assert os.waitpid(pid, 0)[1] == 0
with engine._pool.session() as session:
    print("parent", session.worker_pid)
engine.close()
"""
    workers, done = started(code, tmp_path)
    told, parent = done.stdout.splitlines()[1:]
    assert told.startswith("child this process was forked from one that ran code in the sandbox")
    assert parent == f"parent {workers[0]}", done.stderr


def test_a_child_forked_before_the_first_run_has_workers_of_its_own() -> None:
    """There was nothing that it could miss."""
    code = """
import os, sys
from vmon_plugin_sandbox.engine import Engine
engine = Engine(workers=1)
pid = os.fork()
os.write(1, f"{engine.run('return 1').value}\\n".encode())  # in one go: two processes write
engine.close()
assert pid == 0 or os.waitpid(pid, 0)[1] == 0
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "1\n1\n", done.stderr
