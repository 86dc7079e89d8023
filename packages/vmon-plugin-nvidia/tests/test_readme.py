"""The README: its example runs, and its configuration is the default one."""

from __future__ import annotations

import doctest
import tomllib
from pathlib import Path

import attrs

from vmon_core.devices import METRICS
from vmon_plugin_nvidia.config import NVIDIAConfig
from vmon_plugin_nvidia.readings import CATALOGUE

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_example_runs() -> None:
    """What the README shows is what happens."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 0
    assert failed == 0


def test_configuration_shows_the_defaults() -> None:
    """The TOML in the README is the configuration without one."""
    table = tomllib.loads(TEXT.split("```toml\n")[1].split("```")[0])["plugins"]["nvidia"]
    assert table == attrs.asdict(NVIDIAConfig())


def test_every_figure_is_canonical() -> None:
    """No metric of our own invention."""
    assert {reading.metric for reading in CATALOGUE} <= METRICS.keys()
