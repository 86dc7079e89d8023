"""What a monitor that was killed leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vmon_plugin_sandbox.hardening import leftovers
from vmon_plugin_sandbox.hardening.confinement import REQUIRED, Confinement, Hardening, offered

pytestmark = pytest.mark.skipif(not set(REQUIRED) <= set(offered()), reason="this system has no seccomp or no Landlock")

MONITOR = """
from vmon_plugin_sandbox.engine import Engine
engine = Engine(workers=1)
engine.run("return 1")
print(*engine._pool._running._known, engine._pool._running._confinement._folder, flush=True)
input()
"""


def test_the_next_monitor_tidies_up(tmp_path: Path) -> None:
    """After `kill -9` the worker ends by itself, and the folder goes with the next start; those in use stay."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", MONITOR]
    tmp_path.chmod(0o755)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as monitor:
        assert monitor.stdout is not None
        worker, folder = monitor.stdout.readline().split()
        leftovers.tidy(tmp_path)
        assert Path(folder).is_dir()
        monitor.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text():
        assert time.monotonic() < deadline, "the worker goes on"
        time.sleep(0.05)
    other = tmp_path / f"vmon-sandbox-1-{monitor.pid}-1-other"
    other.mkdir()
    foreign = tmp_path / "vmon-sandbox-somebody"
    foreign.mkdir()
    leftovers.tidy(tmp_path)
    assert sorted(tmp_path.glob("vmon-sandbox-*")) == sorted([other, foreign])


def test_a_start_tidies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start looks, in the folder in which its own will lie."""
    looked: list[Path] = []
    monkeypatch.setattr(leftovers, "tidy", looked.append)
    made = Confinement(Hardening.REQUIRE)
    made.close()
    assert looked == [made.program.parent.parent]
