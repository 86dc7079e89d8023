"""The generated pages: they are current, and say something about everything."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from tests.script import load_script

from vmon_core.cli.root import COMMANDS
from vmon_core.hookspecs import SPECS
from vmon_core.host.checks import SPEC_ARGUMENTS
from vmon_core.lifecycle.states import STATES, LifecycleState

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
REFRESH = "write it anew with `nox -s reference`, or `python tools/generate_reference.py`"


PAGES: dict[str, str] = load_script("tools/generate_reference.py").pages()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_current(name: str) -> None:
    """What is in the repository is what the code says now."""
    path = REFERENCE / name
    assert path.is_file(), f"docs/reference/{name} is missing: {REFRESH}"
    assert path.read_text(encoding="utf-8") == PAGES[name], f"docs/reference/{name} is out of date: {REFRESH}"


def test_no_page_is_left_over() -> None:
    """A page that nothing generates any more would never be corrected."""
    assert {path.name for path in REFERENCE.glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("hook", SPEC_ARGUMENTS)
def test_hook_is_documented(hook: str) -> None:
    """Each hook has a heading with its arguments, and its specification an example that implements it."""
    assert f"### {hook}({', '.join(SPEC_ARGUMENTS[hook])})\n" in PAGES["hooks.md"]
    function = next(vars(spec)[hook] for spec in SPECS if hook in vars(spec))
    assert f"... def {hook}(" in (inspect.getdoc(function) or "")


def test_states_are_documented() -> None:
    """Each state says what proves and what ends it."""
    assert set(STATES) == set(LifecycleState)
    assert [s for s in LifecycleState if f"| `{s}` |" not in PAGES["lifecycle-states.md"]] == []


def test_commands_are_documented() -> None:
    """Each command has its heading."""
    assert [name for name in COMMANDS if f"## vmon {name}\n" not in PAGES["commands.md"]] == []
