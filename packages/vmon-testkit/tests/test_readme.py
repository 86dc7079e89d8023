"""The README: its examples run, its tables are complete."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

from vmon_testkit.standin.phases import PHASES
from vmon_testkit.standin.scenario import FAULTS, load_scenario, parse_fault

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_the_python_examples_run() -> None:
    """As printed, with the output that is printed."""
    failed, attempted = doctest.testfile(str(README), module_relative=False)
    assert (failed, attempted > 3) == (0, True)


def test_the_scenario_loads(tmp_path: Path) -> None:
    """The TOML block is a valid scenario."""
    path = tmp_path / "readme.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)[0])
    assert [fault.name for fault in load_scenario(path).faults] == ["slow_start", "hang", "slow_scrape"]


def test_the_fault_options_parse() -> None:
    """Every `--fault` on the page is accepted."""
    options = re.findall(r'--fault"?,? "?([\w:=,]+)', TEXT)
    assert len(options) == 2
    assert all(parse_fault(option) for option in options)


def test_every_fault_and_phase_is_listed() -> None:
    """With the summary and the parameters of the catalogue."""
    for name, kind in FAULTS.items():
        assert f"| `{name}` | {kind.summary} |" in TEXT
    assert all(f"`{phase}`" in TEXT for phase in PHASES)
