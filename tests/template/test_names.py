"""The template's check of names; `nox -s template` bakes the whole and runs the tests of what comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "templates/plugin"
HOOK = (TEMPLATE / "hooks/pre_gen_project.py").read_text(encoding="utf-8")


def check(name: str, module: str) -> subprocess.CompletedProcess[str]:
    """Run the hook as cookiecutter does: filled in, in a process of its own."""
    script = HOOK.replace("{{ cookiecutter.name }}", name).replace("{{ cookiecutter.module }}", module)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["example", "room-temperature", "gpu2"])
def test_good_names_pass(name: str) -> None:
    """What the plugin host accepts as well."""
    assert check(name, f"vmon_plugin_{name.replace('-', '_')}").returncode == 0


@pytest.mark.parametrize("name", ["Room", "room_temperature", "2gpu", "-room", "room--x", "room temperature"])
def test_bad_names_are_refused(name: str) -> None:
    """With one line that says what a good name looks like."""
    done = check(name, "vmon_plugin_x")
    assert done.returncode == 1
    assert "lower case letters, digits and hyphens" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["vmon-plugin", "1st", "class"])
def test_bad_modules_are_refused(module: str) -> None:
    """What Python could not import."""
    assert check("example", module).returncode == 1


def test_default_is_what_the_session_installs() -> None:
    """The session `template` looks for vmon-plugin-example."""
    context = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    assert context["distribution"].replace("{{ cookiecutter.name }}", context["name"]) == "vmon-plugin-example"
