"""From a request to verdicts: contained rules, a deadline, versions that nobody recorded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmon_core.plugin import LaunchRequest
from vmon_plugin_preflight import prediction
from vmon_plugin_preflight.prediction import doubted, predict
from vmon_plugin_preflight.rule import Rule
from vmon_plugin_preflight.verdicts import failure, ok

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from conftest import MakeLaunch
    from vmon_core.records import CompatibilityCheck

NEVER = threading.Event()


def ask(root: Path, *command: str, patience: float = 5.0) -> list[CompatibilityCheck]:
    """What is predicted of a command on an empty machine."""
    return predict(LaunchRequest(command=command, environment={}, directory=root, patience=patience), (), root)


def told(checks: list[CompatibilityCheck]) -> dict[str, str]:
    """Codes and verdicts."""
    return {c.code: str(c.verdict) for c in checks}


def test_a_rule_that_raises_could_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs only itself."""
    rules = (Rule(("example.bad",), lambda _: [1 / 0]), Rule(("example.good",), lambda _: [ok("example.good", "")]))  # type: ignore[list-item]  # it fails on purpose
    monkeypatch.setattr(prediction, "all_rules", lambda: rules)
    found = ask(tmp_path, "vllm", "serve", "m")
    assert told(found) == {"example.bad": "not_evaluated", "example.good": "ok"}
    assert "ZeroDivisionError" in found[0].summary


def test_a_rule_that_hangs_costs_only_the_later_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found before it is told at the deadline."""
    rules = (
        Rule(("example.good",), lambda _: [ok("example.good", "")]),
        Rule(("example.hung",), lambda _: NEVER.wait() and ()),  # type: ignore[arg-type, return-value]  # it hangs on purpose
        Rule(("example.late",), lambda _: ()),
    )
    monkeypatch.setattr(prediction, "all_rules", lambda: rules)
    found = told(ask(tmp_path, "vllm", "serve", "m", patience=0.2))
    assert found == {"example.good": "ok", "example.hung": "not_evaluated", "example.late": "not_evaluated"}


def test_a_command_that_cannot_be_read_skips_what_needs_it(tmp_path: Path) -> None:
    """The machine is looked at all the same."""
    found = told(ask(tmp_path, "sh", "-c", "vllm serve m"))
    assert found["command.not_understood"] == found["preflight.skipped"] == "not_evaluated"
    assert "machine.leftovers" in found
    assert "network.port" not in found


def test_what_vllm_refuses_is_a_failure_only_where_the_version_is_known(tmp_path: Path) -> None:
    """Without an installation nobody knows which version refuses it."""
    found = told(ask(tmp_path, "vllm", "serve", "m", "--dtype", "float64"))
    assert found["arguments.invalid_value"] == "not_evaluated"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    st.lists(st.text(max_size=8) | st.sampled_from(["--port", "-tp", "--hf-overrides", "{}", "--uds", "9"]), max_size=6)
)
def test_no_command_breaks_it(tmp_path: Path, words: list[str]) -> None:
    """Whatever stands there, each rule has an answer, and none of them fails."""
    found = ask(tmp_path, "vllm", "serve", *words)
    assert found
    assert not [c for c in found if c.summary.startswith("the rule failed")]


def test_what_a_recorded_version_refuses_another_one_may_take(make_launch: MakeLaunch) -> None:
    """Its failures are warnings then; what holds for every version stays a failure."""
    refused, gone = failure("parallel.heads", "3 ranks"), failure("model.location", "no folder")
    other = make_launch("m", version="0.99.0")
    assert str(doubted(refused, other).verdict) == "warning"
    assert doubted(gone, other) == gone
