"""The README: its example runs, and its table has every family of codes."""

from __future__ import annotations

import doctest
from pathlib import Path

from vmon_plugin_preflight.catalogue import explanations

README = Path(__file__).parents[1] / "README.md"


def test_example_runs() -> None:
    """What the README shows is what happens."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 0
    assert failed == 0


def test_every_family_of_codes_is_named() -> None:
    """What `--explain` knows is in the table, but for what is about vmon's own work."""
    families = {code.partition(".")[0] for code in explanations()} - {"preflight"}
    text = README.read_text(encoding="utf-8")
    assert [family for family in sorted(families) if f"`{family}.*`" not in text] == []
