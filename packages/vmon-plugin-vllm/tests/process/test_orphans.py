"""Adopting and burying orphans."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from vmon_plugin_vllm.process.orphans import become_subreaper, bury
from vmon_plugin_vllm.process.procfs import ProcFS

if TYPE_CHECKING:
    import pytest


def test_this_process_can_become_a_subreaper() -> None:
    """The kernel agrees, and an orphan's parent is then this process."""
    assert become_subreaper()
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input(); input()'], stdin=0)\n"
        "print(child.pid, flush=True); input(); import os; os._exit(0)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        stat = ProcFS().stat(orphan)
        assert stat is None or stat.parent in {os.getpid(), parent.pid}
    _wait_and_bury(orphan)
    assert ProcFS().stat(orphan) is None


def _wait_and_bury(orphan: int) -> None:
    """Its standard input is closed by now, so it ends by itself."""
    os.waitid(os.P_PID, orphan, os.WEXITED | os.WNOWAIT)
    stat = ProcFS().stat(orphan)
    assert stat is not None
    bury([stat])


def test_a_kernel_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without prctl the answer is no, not an error."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert not become_subreaper()


def test_live_processes_and_strangers_are_left_alone() -> None:
    """Only ended children of this process are buried; a child that runs keeps its status for its owner."""
    procfs = ProcFS()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        stats = [procfs.stat(child.pid), procfs.stat(1)]
        bury(stat for stat in stats if stat is not None)
        child.kill()
        assert child.wait() == -9
