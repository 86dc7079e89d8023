"""Faults and scenario files: what is accepted, and what a mistake is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_testkit.standin.options import Options
from vmon_testkit.standin.scenario import FAULTS, Fault, ScenarioError, load_scenario, make_fault, parse_fault

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_gives_settings_and_faults(tmp_path: Path) -> None:
    """All three kinds of keys."""
    path = tmp_path / "scenario.toml"
    path.write_text('startup_seconds = 1\n[[fault]]\nname = "hang"\nat = 2\nfor = 3.5\nsince = "launch"\n')
    scenario = load_scenario(path)
    assert scenario.startup_seconds == 1.0
    assert scenario.faults == (Fault("hang", {"after_requests": 0.0}, at=2.0, lasts=3.5, since="launch"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("startup_second = 1", "did you mean startup_seconds?"),
        ("startup_seconds = 'soon'", "startup_seconds must be a number"),
        ("startup_seconds = true", "must be a number"),
        ("fault = 3", "expected [[fault]] tables"),
        ("[[fault]]\nat = 3", "each with a name"),
        ("[[fault]]\nname = 'hng'", "did you mean hang?"),
        ("[[fault]]\nname = 'hang'\nafter_request = 3", "did you mean after_requests?"),
        ("[[fault]]\nname = 'hang'\nsince = 'noon'", "since must be one of ready, launch"),
        ("[[fault]]\nname = 'hang'\nat = -1", "at must be a number, 0 or more"),
        ("[[fault]]\nname = 'stuck_start'", "phase is needed, one of launching"),
        ("[[fault]]\nname = 'stuck_start'\nphase = 'lunch'", "phase must be one of"),
        ("= 3", "(at line 1, column 1)"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, text: str, expected: str) -> None:
    """The message begins with the file and says what was expected."""
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert expected in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No traceback for a wrong path."""
    with pytest.raises(ScenarioError, match="No such file"):
        load_scenario(tmp_path / "nowhere.toml")


def test_an_option_wants_key_and_value() -> None:
    """`--fault hang:at` lacks the value."""
    with pytest.raises(ScenarioError, match="expected key=value, got 'at'"):
        parse_fault("hang:at")


def test_infinity_is_no_number_of_seconds() -> None:
    """Neither is anything else that would never come."""
    with pytest.raises(ScenarioError):
        parse_fault("hang:at=inf")


@given(st.text(max_size=40))
def test_any_text_is_a_fault_or_a_clear_refusal(text: str) -> None:
    """No other exception gets out of the parser."""
    try:
        fault = parse_fault(text)
    except ScenarioError:
        return
    assert fault.name in FAULTS


@pytest.mark.parametrize("name", [name for name, kind in FAULTS.items() if not kind.required])
def test_defaults_are_filled_in(name: str) -> None:
    """A fault without parameters has all of them, except the phases of a slow start."""
    expected = {} if name == "slow_start" else dict(FAULTS[name].parameters)
    assert make_fault(name, {}).parameters == expected


def test_phases_follow_the_scenario() -> None:
    """slow_start and stuck_start change the time line, and nothing else does."""
    faults = (parse_fault("slow_start:loading_weights=5"), parse_fault("stuck_start:phase=warming_up"))
    phases = Options(model="tiny", enforce_eager=True, faults=faults).phases
    assert phases["loading_weights"] == 5.0
    assert phases["warming_up"] == float("inf")
    assert phases["launching"] == pytest.approx(0.98, abs=0.01)
