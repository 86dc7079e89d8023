"""The examples run, and print what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmon_testkit.pytest_plugin import StandInFactory

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    """What an example prints."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_embed() -> None:
    """A program's own number violates a guardrail, and the gate only notes it."""
    assert run("embed.py") == "long-queue proposes notify: hold\n"


def test_watch_for_a_second(standin: StandInFactory) -> None:
    """A server at rest is seen to be idle."""
    assert run("watch_for_a_second.py", standin().url).startswith("IDLE")


def test_agent_fixes_its_code() -> None:
    """Each problem brings the agent one step further."""
    assert run("agent_fixes_its_code.py").splitlines()[-1] == "hot_gpus version 1 is in use"


def test_every_example_has_a_test() -> None:
    """No example is left out here."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [p.name for p in EXAMPLES.glob("*.py") if p.name not in text] == []
