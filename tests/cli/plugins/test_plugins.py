"""`vmon plugins`, as an operator uses it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from packaging.specifiers import SpecifierSet

from vmon_core.cli.plugins import COMMANDS
from vmon_core.cli.root import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Vmon = "Callable[..., Result]"

PLUGIN = """
from vmon_core.plugin import Capability, PluginInfo, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="{name}", version="1.0", summary="for tests", {info})
"""


@pytest.fixture
def vmon(tmp_path: Path) -> Callable[..., Result]:
    """Run a command with a configuration file of its own."""
    path = tmp_path / "vmon.toml"
    path.touch()
    return lambda *arguments: CliRunner().invoke(cli, ["--config", str(path), *arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    """The JSON objects that it printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(vmon: Callable[..., Result], name: str) -> None:
    """Each has a help text, and those that print something have --json."""
    shown = vmon("plugins", name, "--help")
    assert shown.exit_code == 0
    assert "--json" in shown.output or name == "create"


def test_list_is_the_default(vmon: Callable[..., Result]) -> None:
    """With and without its name, in text and as JSON."""
    assert vmon("plugins").output == vmon("plugins", "list").output
    assert lines(vmon("plugins", "--json")) == lines(vmon("plugins", "list", "--json"))
    assert {"notify", "system", "vllm"} <= {p["name"] for p in lines(vmon("plugins", "--json"))}


def test_option_in_the_wrong_place(vmon: Callable[..., Result]) -> None:
    """An option that would do nothing is a mistake."""
    result = vmon("plugins", "--json", "check")
    assert result.exit_code == 2
    assert "stand behind its name" in result.output


def test_mistyped_command(vmon: Callable[..., Result]) -> None:
    """A near miss is answered with the right name."""
    assert "Did you mean 'graph'?" in vmon("plugins", "grapf").output


def test_check_when_all_is_well(vmon: Callable[..., Result]) -> None:
    """Exit code 0, and every part of the report."""
    result = vmon("plugins", "check")
    assert result.exit_code == 0, result.output
    assert "and 2 built in: " in result.output
    assert "0 rejected." in result.output
    (report,) = lines(vmon("plugins", "check", "--json"))
    assert report["rejected"] == report["missing"] == report["never_together"] == []
    assert {"name", "value", "distribution", "version", "requires", "source"} <= set(report["found"][0])


def test_check_says_why_and_what_would_help(
    vmon: Callable[..., Result], distribution: Callable[..., None], tmp_path: Path
) -> None:
    """The chain of causes too; exit code 1; and what the user requires is missed."""
    (tmp_path / "vmon.toml").write_text('[plugins]\nrequired = ["t-upper"]\n')
    distribution("t-upper", PLUGIN.format(name="t-upper", info='requires=("t.x",)'))
    distribution("t-lower", PLUGIN.format(name="t-lower", info='provides=(Capability("t.x"),), api=99'))
    result = vmon("plugins", "check")
    assert result.exit_code == 1
    for text in (
        "t-lower (t-lower 1.0) would provide it, but is rejected",
        "since t-lower: t-lower (t-lower 1.0) was written for hooks of level 99",
        "help: install a newer version of vmon-core",
        "vmon does not start: [plugins] requires t-upper",
    ):
        assert text in result.output
    (report,) = lines(vmon("plugins", "check", "--json"))
    assert {r["name"]: r["code"] for r in report["rejected"]} == {"t-upper": "capability", "t-lower": "api"}
    assert report["missing"] == ["t-upper"]


@pytest.mark.skipif(not hasattr(SpecifierSet, "is_unsatisfiable"), reason="this packaging cannot tell (before 26.1)")
def test_check_names_those_that_can_never_be_together(
    vmon: Callable[..., Result], distribution: Callable[..., None]
) -> None:
    """Whichever of the two is met, the other never is."""
    distribution("t-old", PLUGIN.format(name="t-old", info=""), requires="click<2")
    distribution("t-new", PLUGIN.format(name="t-new", info=""), requires="click>=8")
    result = vmon("plugins", "check")
    assert "t-new 1.0 and t-old 1.0 can never be installed together" in result.output


def test_disabled_plugin_is_all_right(vmon: Callable[..., Result], tmp_path: Path) -> None:
    """It is what the user wanted: only --strict minds."""
    (tmp_path / "vmon.toml").write_text('[plugins]\ndisabled = ["system"]\n')
    assert vmon("plugins", "check").exit_code == 0
    assert vmon("plugins", "list", "--strict").exit_code == 1
    assert vmon("plugins", "--strict").exit_code == 1


def test_info(vmon: Callable[..., Result], distribution: Callable[..., None]) -> None:
    """What it declares, and its settings; a rejected one is explained; an unknown one gets a suggestion."""
    distribution(
        "t-fine", PLUGIN.format(name="t-fine", info='provides=(Capability("t.x", "2.0"),), needs=("cpu.count>=1",)')
    )
    distribution("t-bad", "import no_such_module")
    shown = vmon("plugins", "info", "t-fine")
    assert (shown.exit_code, "t.x 2.0" in shown.output, "t-fine 1.0" in shown.output) == (0, True, True)
    (data,) = lines(vmon("plugins", "info", "t-fine", "--json"))
    assert (data["loaded"], data["needs"]) == (True, ["cpu.count>=1"])
    assert "scrape_interval" in lines(vmon("plugins", "info", "vllm", "--json"))[0]["settings"]
    assert lines(vmon("plugins", "info", "sandbox", "--json"))[0]["commands"] == ["vmon sandbox"]
    bad = vmon("plugins", "info", "t-bad")
    assert (bad.exit_code, "no_such_module" in bad.output) == (1, True)
    unknown = vmon("plugins", "info", "t-fin")
    assert unknown.exit_code == 1
    assert "did you mean 't-fine'" in str(unknown.exception)


def test_graph(vmon: Callable[..., Result], distribution: Callable[..., None]) -> None:
    """As a tree, for Graphviz, and as JSON."""
    distribution("t-a", PLUGIN.format(name="t-a", info='requires=("t.x>=1",)'))
    distribution("t-b", PLUGIN.format(name="t-b", info='provides=(Capability("t.x", "1.0"),)'))
    tree = vmon("plugins", "graph").output
    assert "t-b  provides t.x 1.0\n" in tree
    assert "t-a\n└── t.x>=1 from t-b\n" in tree
    assert '"t-b" -> "t-a" [label="t.x>=1"];' in vmon("plugins", "graph", "--dot").output
    (data,) = lines(vmon("plugins", "graph", "--json"))
    assert {"provider": "t-b", "user": "t-a", "requirement": "t.x>=1"} in data["edges"]


def test_disable_and_enable(vmon: Callable[..., Result], tmp_path: Path) -> None:
    """The file says it, comments stay, and the plugin is gone and back."""
    file = tmp_path / "vmon.toml"
    file.write_text("# mine\n[gate]\nmode = 'off' # never\n")
    result = vmon("plugins", "disable", "system")
    assert (result.exit_code, "plugin system is disabled: written to" in result.output) == (0, True)
    assert file.read_text().startswith("# mine\n[gate]\nmode = 'off' # never\n")
    assert "system" not in [p["name"] for p in lines(vmon("plugins", "--json")) if p["loaded"]]
    assert "nothing is changed" in vmon("plugins", "disable", "system").output
    (said,) = lines(vmon("plugins", "enable", "system", "--json"))
    assert (said["changed"], said["created"], said["file"]) == (True, False, str(file))
    assert "system" in [p["name"] for p in lines(vmon("plugins", "--json")) if p["loaded"]]


def test_file_is_made_where_there_is_none(vmon: Callable[..., Result], tmp_path: Path) -> None:
    """And the command says so."""
    (tmp_path / "vmon.toml").unlink()
    assert "vmon.toml, which is new" in vmon("plugins", "disable", "system").output
    assert "system" in (tmp_path / "vmon.toml").read_text()


def test_plugin_that_nobody_announces(vmon: Callable[..., Result], tmp_path: Path) -> None:
    """A mistyped name would be a setting that does nothing; to enable one is harmless, but told."""
    result = vmon("plugins", "disable", "sistem")
    assert (result.exit_code, str(result.exception)) == (
        1,
        "nothing that is installed announces a plugin 'sistem': did you mean 'system'?",
    )
    assert vmon("plugins", "pin", "sistem").exit_code == 1
    assert "announces a plugin 'sistem', though" in vmon("plugins", "enable", "sistem").output
    assert (tmp_path / "vmon.toml").read_text() == ""


def test_nothing_to_enable_where_there_is_no_file(vmon: Callable[..., Result], tmp_path: Path) -> None:
    """Nothing is disabled there, and no file is made to say so."""
    (tmp_path / "vmon.toml").unlink()
    result = vmon("plugins", "enable", "system")
    assert (result.exit_code, result.exception) == (0, None)
    assert not (tmp_path / "vmon.toml").exists()


def test_required_plugin_cannot_be_disabled(vmon: Callable[..., Result], tmp_path: Path) -> None:
    """Vmon would not start any more."""
    (tmp_path / "vmon.toml").write_text('[plugins]\nrequired = ["system"]\n')
    result = vmon("plugins", "disable", "system")
    assert (result.exit_code, "take it out of `required` first" in str(result.exception)) == (1, True)


def test_pin(vmon: Callable[..., Result], tmp_path: Path) -> None:
    """In the installed version, in a range, in one that is not installed, and not any more."""
    file = tmp_path / "vmon.toml"
    assert "plugin system is pinned to ==0." in vmon("plugins", "pin", "system").output
    assert vmon("plugins", "check").exit_code == 0
    shown = vmon("plugins", "pin", "system", "<0.0.1")
    assert "is installed, so system is not loaded until another one is" in shown.output
    assert 'pins = {system = "<0.0.1"}' in file.read_text()
    assert "to which [plugins] pins it" in vmon("plugins", "check").output
    assert vmon("plugins", "pin", "system", "--remove").exit_code == 0
    assert vmon("plugins", "check").exit_code == 0
    for wrong in (["system", "new"], ["system", "<1", "--remove"]):
        assert vmon("plugins", "pin", *wrong).exit_code == 2
