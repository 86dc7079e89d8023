"""The README: its example runs, its tables say what the code says."""

from __future__ import annotations

import doctest
import tomllib
from pathlib import Path

import attrs

from vmon_plugin_system.config import SystemConfig
from vmon_plugin_system.metrics import CATALOGUE, Metric

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_example_runs() -> None:
    """What the README shows is what happens."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert attempted > 0
    assert failed == 0


def test_table_is_the_catalogue() -> None:
    """Every metric has its row, and no row is left over."""
    rows = [line for line in TEXT.splitlines() if line.startswith(("| system.", "| process."))]
    assert rows == [_row(metric) for metric in CATALOGUE.values()]


def _row(metric: Metric) -> str:
    kind = "counter" if metric.counter else "gauge"
    cells = (metric.name, metric.unit, kind, ", ".join(metric.labels), metric.meaning)
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def test_configuration_shows_the_defaults() -> None:
    """The TOML in the README is the configuration without one."""
    table = tomllib.loads(TEXT.split("```toml\n")[1].split("```")[0])["plugins"]["system"]
    assert table == {k: list(v) if isinstance(v, tuple) else v for k, v in attrs.asdict(SystemConfig()).items()}
