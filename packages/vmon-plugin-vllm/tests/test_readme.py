"""The README: its example runs, its configuration and its findings are those of the code."""

from __future__ import annotations

import doctest
import inspect
import re
import tomllib
from pathlib import Path

import attrs

from vmon_plugin_vllm import analyze
from vmon_plugin_vllm.config import VllmConfig

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_example_runs() -> None:
    """What the README shows is what happens."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 0
    assert failed == 0


def test_configuration_shows_the_defaults() -> None:
    """The TOML in the README is the configuration without one."""
    table = tomllib.loads(TEXT.split("```toml\n")[1].split("```")[0])["plugins"]["vllm"]
    assert table == attrs.asdict(VllmConfig())


def test_findings_are_listed() -> None:
    """Every code that the analyzer knows has its row."""
    codes = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', inspect.getsource(analyze))) - {"vllm.requests.preempted"}
    assert {code for code in codes if f"`{code}`" not in TEXT} == set()
