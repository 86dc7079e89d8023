"""The README: its example runs, and its settings are the defaults."""

from __future__ import annotations

import doctest
import tomllib
from pathlib import Path

import attrs

from vmon_plugin_amd.config import AMDConfig

README = Path(__file__).parents[1] / "README.md"


def test_example_runs() -> None:
    """What the README shows is what happens."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 0
    assert failed == 0


def test_configuration_shows_the_defaults() -> None:
    """The TOML in the README is the configuration without one."""
    text = README.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert tomllib.loads(text)["plugins"]["amd"] == attrs.asdict(AMDConfig())
