"""`vmon plugins create NAME --from-template`."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def create(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    command = [sys.executable, "-m", "vmon_core", "plugins", "create", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_package_is_made(tmp_path: Path) -> None:
    """Where it was asked for, and the next steps are named."""
    done = create("room", "--from-template", "--kinds", "exporter, command", "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Made {tmp_path}/vmon-plugin-room.")
    assert (tmp_path / "vmon-plugin-room/tests/test_exporter.py").exists()


def test_refusal_is_two_lines(tmp_path: Path) -> None:
    """What is wrong with the answer, and that nothing was made; no traceback."""
    done = create("room", "--from-template", "--kinds", "painter", "--into", str(tmp_path))
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 2
    assert "'painter' is no kind of hook" in done.stderr
    assert list(tmp_path.iterdir()) == []
