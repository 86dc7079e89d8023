"""The commands of docs/tutorials/first-plugin.md, as they stand there, with vmon-core from its wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorials/first-plugin.md"
FIVE_MINUTES = 300.0

WHERE = "(cd / && python -c 'import vmon_core; print(vmon_core.__file__)')"
"""Tells that the core comes from its wheel, and not from the tree."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(FIVE_MINUTES * 2)]


def commands() -> list[str]:
    """What a reader types, line by line."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of vmon-core: the one that `nox -s build` made, or one made now."""
    if built := os.environ.get("VMON_DIST"):
        return Path(built)
    into = tmp_path_factory.mktemp("dist")
    uv = shutil.which("uv")
    command = [uv, "build", "--wheel", "-o"] if uv else [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w"]
    subprocess.run([*command, str(into), str(ROOT)], check=True, capture_output=True)
    return into


def run_in_one_shell(lines: list[str], folder: Path, wheels: Path) -> tuple[str, int]:
    """Run commands one after the other; all but the last must succeed. Returns what they print, and the last code."""
    dropped = {"PYTHONPATH", "VIRTUAL_ENV", "PIP_NO_INDEX"}
    environment = {
        **{name: value for name, value in os.environ.items() if name not in dropped},
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to(sys.executable)
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
    script = "\n".join(["set -e", *lines])
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr, done.returncode


def test_from_nothing_to_a_running_plugin(tmp_path: Path, wheels: Path) -> None:
    """The plugin is listed, and its sample is in the checkpoint of a real run; the time is printed, not judged."""
    begin = time.monotonic()
    *lines, last = commands()
    printed, code = run_in_one_shell([*lines, WHERE, last], tmp_path, wheels)
    print(f"from nothing to a running plugin: {time.monotonic() - begin:.0f} s")
    assert code == 3, printed[-6000:]
    assert f"\n{tmp_path}/fresh/" in printed
    records = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert ("room", True) in [(record.get("name"), record.get("loaded")) for record in records]
    (verdict,) = (record for record in records if "checkpoint" in record)
    assert verdict["checkpoint"]["metrics"]["room.load"] >= 0
    assert verdict["checkpoint"]["software"]["plugin room"].startswith("0.1.0")
