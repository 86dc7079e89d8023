"""`vmon check` as people and scripts use it, and what `vmon run` makes of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

PLUGIN = """
from vmon_core.plugin import PluginInfo, hookimpl
from vmon_core.records import CheckVerdict, CompatibilityCheck

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="example", version="1.0")

@hookimpl
def vmon_check(launch, devices):
    for word in launch.command[-1].split(","):
        if word in list(CheckVerdict):
            yield CompatibilityCheck(
                code=f"example.{word}", verdict=CheckVerdict(word), summary="because", evidence=("1 > 0",), fix="--less"
            )

@hookimpl
def vmon_explain(code):
    return "Explained at length." if code == "example.failure" else None
"""


class Vmon:
    """vmon with one plugin that says of a command what its last word says."""

    def __init__(self, folder: Path) -> None:
        plugins = folder / "plugins"
        plugins.mkdir()
        (plugins / "example.py").write_text(dedent(PLUGIN))
        self._config = folder / "vmon.toml"
        self._text = f'[monitor]\ndata_dir = "{folder}"\n[plugins]\nfolders = ["{plugins}"]\ndisabled = ["preflight"]\n'
        self.configure("")

    def configure(self, text: str) -> None:
        """Add to the configuration."""
        self._config.write_text(self._text + text)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        command = [sys.executable, "-m", "vmon_core", "--config", str(self._config), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def vmon(tmp_path: Path) -> Vmon:
    """Vmon with the plugin of this page."""
    return Vmon(tmp_path)


@pytest.mark.parametrize(
    ("says", "code", "whole"),
    [
        ("ok", 0, "Nothing speaks against this launch: 1 ok."),
        ("ok,warning", 1, "It can start: 1 ok, 1 warning."),
        ("ok,failure", 2, "It will fail: 1 ok, 1 failure."),
        ("ok,not_evaluated", 3, "Whether it can start could not be told: 1 ok, 1 not evaluated."),
        ("nothing", 3, "Whether it can start could not be told."),
    ],
)
def test_the_exit_code_tells(vmon: Vmon, says: str, code: int, whole: str) -> None:
    """And so does the last line."""
    done = vmon("check", "--", "x", says)
    assert (done.returncode, done.stdout.splitlines()[-1], done.stderr) == (code, whole, "")


def test_people_see_evidence_and_fix(vmon: Vmon) -> None:
    """What is in order is shown only when asked for."""
    assert vmon("check", "--", "x", "ok,failure").stdout.splitlines()[:-1] == [
        "failure  example.failure: because",
        "    1 > 0",
        "    fix: --less",
    ]
    assert "ok  example.ok: because" in vmon("check", "--all", "--", "x", "ok").stdout


def test_programs_get_json_or_the_exit_code_alone(vmon: Vmon) -> None:
    """Each check is an object, those that are in order as well."""
    done = vmon("check", "--json", "--", "x", "ok,failure")
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["failure", "ok"]
    quiet = vmon("check", "-q", "--", "x", "failure")
    assert (quiet.returncode, quiet.stdout) == (2, "")


def test_codes_are_explained(vmon: Vmon) -> None:
    """By the plugin that has them."""
    assert "Explained at length." in vmon("check", "--explain", "example.failure").stdout


@pytest.mark.parametrize("arguments", [[], ["--explain", "no.such.code"], ["--nosuch"], ["--manifest", "/no/such"]])
def test_misuse_is_no_verdict(vmon: Vmon, arguments: list[str]) -> None:
    """Mistakes in the use of the command have an exit code that is none of the verdicts'."""
    done = vmon("check", *arguments)
    assert done.returncode == 64
    assert done.stderr


def test_a_broken_configuration_is_no_verdict(vmon: Vmon) -> None:
    """It is told on one line."""
    vmon.configure("[check]\ndeadline = true\n")
    done = vmon("check", "--", "x", "ok")
    assert done.returncode == 64
    assert "deadline" in done.stderr


def test_a_predicted_failure_can_be_refused(vmon: Vmon) -> None:
    """Nothing is started then, and the reason is told."""
    vmon.configure('[check]\non_failure = "refuse"\n')
    done = vmon("run", "--", "vllm", "serve", "failure")
    assert done.returncode == 1
    assert "example.failure: because" in done.stderr
    assert "--no-check" in done.stderr


@pytest.mark.slow
def test_a_predicted_failure_is_told_before_the_start_and_kept(vmon: Vmon) -> None:
    """By default it is started all the same; the checks are in the checkpoint of the report."""
    server = [str(Path(sys.executable).parent / "vmon-standin"), "serve", "m", "--startup-seconds", "0.2"]
    done = vmon("run", "--json", "--", *server, "--fault", "fail_start", "--served-model-name", "failure")
    report = json.loads(done.stdout.splitlines()[-1])
    assert [c["code"] for c in report["checkpoint"]["checks"]] == ["example.failure"]
    assert "predicted to fail, example.failure: because; fix: --less" in vmon("events").stdout
    assert "What was predicted:" in vmon("report").stdout
    assert "checks" not in vmon("run", "--no-check", "--", "no-such-program").stdout
