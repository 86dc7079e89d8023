"""File systems: which, how often, and what happens while one hangs."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from vmon_plugin_system.filesystems import MOST, Filesystems, watched_paths

SHARED = "/dev/shm"  # noqa: S108 (a path to compare with)


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("vllm serve /models/m --port 1", ("/models/m", SHARED, "/own")),
        ("python -m vllm.entrypoints.openai.api_server --model /m", ("/m", SHARED, "/own")),
        ("vllm serve org/model", (SHARED, "/own")),
        ("vllm serve", (SHARED, "/own")),
        ("", (SHARED, "/own")),
    ],
)
def test_watched_paths(command: str, paths: tuple[str, ...]) -> None:
    """A local model's folder is watched, a model of the hub has none."""
    assert watched_paths(command.split(), ["/own", "/own"]) == paths


def test_space_of_a_real_file_system(tmp_path: Path) -> None:
    """Space in use and left is what psutil says, and a second path on the same file system does not count again."""
    (tmp_path / "inner").mkdir()
    samples = Filesystems([str(tmp_path), str(tmp_path / "inner"), "/nowhere"]).samples(5.0)
    assert [(s.name, s.labels, s.time) for s in samples] == [
        ("system.disk.used", (("path", str(tmp_path)),), 5.0),
        ("system.disk.free", (("path", str(tmp_path)),), 5.0),
    ]
    assert samples[1].value == pytest.approx(psutil.disk_usage(str(tmp_path)).free, rel=0.1)


def test_file_systems_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many paths are asked for, the number of series has an end."""
    monkeypatch.setattr(Path, "stat", lambda path: SimpleNamespace(st_dev=str(path)))
    monkeypatch.setattr(psutil, "disk_usage", lambda _: SimpleNamespace(used=1, free=1))
    assert len(Filesystems([f"/{n}" for n in range(3 * MOST)]).samples(0.0)) == 2 * MOST


def test_hanging_file_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """While it hangs nobody waits for it twice, and it is back once it answers."""
    asked: list[str] = []
    answers = threading.Event()

    def hang(path: str) -> SimpleNamespace:
        asked.append(path)
        assert answers.wait(30)
        return SimpleNamespace(used=1, free=2)

    monkeypatch.setattr(psutil, "disk_usage", hang)
    watched = Filesystems([str(tmp_path)], patience=0.05)
    assert watched.samples(0.0) == []
    assert watched.samples(1.0) == []
    assert asked == [str(tmp_path)]
    answers.set()
    assert watched._asking is not None
    watched._asking.join(30)
    assert [s.value for s in watched.samples(2.0)] == [1.0, 2.0]
