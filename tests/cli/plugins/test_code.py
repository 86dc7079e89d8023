"""Code plugins from the command line: with the journal alone, and through a running monitor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from vmon_core import create_monitor_with_plugins
from vmon_core.cli.root import cli
from vmon_core.config import Config, MonitorConfig
from vmon_core.errors import VmonError
from vmon_core.monitor_methods import control_of

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file that keeps vmon's files apart."""
    path = tmp_path / "vmon.toml"
    path.write_text(f'[monitor]\ndata_dir = "{tmp_path}"\n')
    return path


def vmon(config: Path, *arguments: str, text: str = "") -> Result:
    """Run a command."""
    return CliRunner().invoke(cli, ["--config", str(config), "plugins", *arguments], input=text)


def code_plugins(config: Path) -> dict[str, Any]:
    """Those that `list` shows, by name."""
    found = map(json.loads, vmon(config, "list", "--json").output.splitlines())
    return {each["name"]: each for each in found if each.get("origin") == "code string"}


def test_create_list_remove_and_back_out(config: Path) -> None:
    """Without a running monitor, in the journal."""
    for value in (1, 2):
        done = vmon(config, "create", "answer", "--type", "collector", "-", text=f"return {{'answer': {value}}}")
        assert (done.exit_code, done.output) == (0, f"answer version {value} is in use\n")
    assert code_plugins(config)["answer"]["version"] == 2
    assert "answer           2          a collector of operator (code string, active)" in vmon(config, "list").output
    assert vmon(config, "remove", "answer").exit_code == 0
    assert code_plugins(config) == {}
    back = vmon(config, "back-out", "answer", "--version", "1", "--json")
    assert (json.loads(back.output)["version"], json.loads(back.output)["code"]) == (3, "return {'answer': 1}")


def test_options_of_a_guardrail(config: Path) -> None:
    """Each option is a field of the record that the journal keeps."""
    how = (
        "--action",
        "notify",
        "--hold-for",
        "30",
        "--cooldown",
        "600",
        "--function",
        "now",
        "--function",
        "get_state",
    )
    done = vmon(config, "create", "late", "--type", "guardrail", *how, "-e", "return now() < 0", "--json")
    made = json.loads(done.output)
    assert (made["actions"], made["hold_for"], made["cooldown"]) == (["notify"], 30.0, 600.0)
    assert made["functions"] == ["now", "get_state"]
    refused = vmon(config, "create", "late", "--type", "guardrail", *how, "-e", "return list_metrics() == []")
    assert (refused.exit_code, "list_metrics" in refused.output) == (1, True)


def test_what_is_refused_is_told(config: Path) -> None:
    """As text, as data, and with exit code 1."""
    code = ("--type", "analyzer", "-e", "return checkpoint.stat")
    done = vmon(config, "create", "bad", *code)
    assert done.exit_code == 1
    assert "line 1:" in done.output
    assert "did you mean `state`?" in done.output
    [problem] = json.loads(vmon(config, "create", "bad", *code, "--json").output)["problems"]
    assert (problem["line"], problem["code"]) == (1, "type")
    assert code_plugins(config) == {}


def test_try_keeps_nothing(config: Path) -> None:
    """It shows the value, the output, the time, and the problems."""
    done = vmon(config, "try", "--type", "collector", "-e", "print('hot')\nreturn {'a': 1}")
    assert done.exit_code == 0
    assert 'value    {"a": 1}' in done.output
    assert "printed  hot" in done.output
    refused = vmon(config, "try", "--type", "collector", "--json", "-e", "return 5")
    assert refused.exit_code == 1
    assert json.loads(refused.output)["problems"][0]["code"] == "result"
    assert code_plugins(config) == {}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("create", "a", "-e", "return {}"), "--type"),
        (("create", "a", "--type", "collector"), "FILE"),
        (("try", "--type", "collector", "-e", "return {}", "-"), "-e"),
    ],
)
def test_what_is_missing_is_said(config: Path, arguments: tuple[str, ...], what: str) -> None:
    """With exit code 2."""
    done = vmon(config, *arguments)
    assert done.exit_code == 2
    assert what in done.output


def test_a_name_that_is_not_there(config: Path) -> None:
    """It is an error of one line."""
    assert isinstance(vmon(config, "remove", "nothing").exception, VmonError)


def test_through_a_running_monitor(config: Path, tmp_path: Path) -> None:
    """It takes them into use at once, and hands its problems over as data."""
    monitor = create_monitor_with_plugins(config=Config(monitor=MonitorConfig(data_dir=tmp_path)))
    with control_of(monitor):
        assert vmon(config, "create", "live", "--type", "collector", "-e", "return {'a': 1}").exit_code == 0
        assert [each["name"] for each in monitor.plugin_manager.code_plugins()] == ["live"]
        assert list(code_plugins(config)) == ["live"]
        refused = vmon(config, "create", "live", "--type", "collector", "-e", "return 1 / 0", "--json")
        assert json.loads(refused.output)["problems"][0]["code"] == "runtime"
        assert vmon(config, "create", "live", "--type", "collector", "-e", "return {'a': 2}").exit_code == 0
        assert json.loads(vmon(config, "back-out", "live", "--json").output)["version"] == 3
        assert vmon(config, "remove", "live").exit_code == 0
        assert monitor.plugin_manager.code_plugins() == ()
    assert not (tmp_path / "journal.db").exists()


@pytest.mark.parametrize("command", [["functions"], ["status"]])
def test_sandbox(config: Path, command: list[str]) -> None:
    """What code may call, and what confines it."""
    shown = CliRunner().invoke(cli, ["--config", str(config), "sandbox", *command])
    assert shown.exit_code == 0
    found = CliRunner().invoke(cli, ["--config", str(config), "sandbox", *command, "--json"])
    names = {each.get("name") for each in map(json.loads, found.output.splitlines())}
    assert names == {None} or "collect_gpu_metrics" in names
