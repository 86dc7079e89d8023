"""What is left behind is named, and what is gone in time is not."""

from __future__ import annotations

import subprocess
import threading
from typing import TYPE_CHECKING

from vmon_core.testing.leaks import Holdings, left_behind

if TYPE_CHECKING:
    from pathlib import Path


def test_thread_is_named() -> None:
    """By the name that its plugin gave it."""
    before, end = Holdings.now(), threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten", daemon=True)
    thread.start()
    assert left_behind(before, grace=0.0) == ["thread forgotten"]
    end.set()
    assert left_behind(before) == []


def test_open_file_is_named(tmp_path: Path) -> None:
    """By its path."""
    before = Holdings.now()
    with (tmp_path / "left.txt").open("w"):
        (left,) = left_behind(before, grace=0.0)
    assert left.startswith("open file ")
    assert left.endswith("left.txt")


def test_child_is_named() -> None:
    """By its process id."""
    before = Holdings.now()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert f"child process {child.pid}" in left_behind(before, grace=0.0)
    assert left_behind(before) == []
