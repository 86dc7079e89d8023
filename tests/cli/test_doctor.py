"""`vmon doctor` on a stand-in, on nobody, and on misuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from vmon_core.cli.root import cli
from vmon_testkit.standin.handle import StandIn

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep vmon's files of this test apart."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_server_with_its_log() -> None:
    """Each section has its title, and everything that is in order is shown when asked for."""
    with StandIn() as server:
        server.wait_ready(timeout=30)
        result = CliRunner().invoke(cli, ["doctor", "--all", "--log", str(server.log_path), server.url])
    assert "vmon itself: " in result.output
    assert f"{server.url}: " in result.output
    assert "the server runs vLLM 0.32.0, which vmon was tried with" in result.output
    assert "alive: the phases of a start" in result.output
    assert result.exit_code in (0, 1)


def test_blind_spots_are_warnings_for_a_script() -> None:
    """JSON has one object a check; a server without statistics gives exit code 1 and the fix."""
    with StandIn("--fault", "no_log_stats") as server:
        server.wait_ready(timeout=30)
        result = CliRunner().invoke(cli, ["doctor", "--json", server.url])
    checks = [json.loads(line) for line in result.stdout.splitlines()]
    progress = next(check for check in checks if check["code"] == "signal.progress")
    assert (progress["verdict"], progress["about"]) == ("warning", server.url)
    assert "--disable-log-stats" in progress["fix"]
    assert result.exit_code == 1


def test_nobody_answers() -> None:
    """A URL without a server is exit code 3: nothing could be told."""
    result = CliRunner().invoke(cli, ["doctor", "http://127.0.0.1:9"])
    assert result.exit_code == 3
    assert "nobody answers there: refused" in result.output


def test_without_any_plugin() -> None:
    """Safe mode asks nobody: vmon's own checks are there, and of a server nothing can be told."""
    result = CliRunner().invoke(cli, ["--safe-mode", "doctor"])
    assert result.exit_code in (0, 1)
    assert "no server runs here" in result.output
    assert CliRunner().invoke(cli, ["--safe-mode", "doctor", "http://127.0.0.1:9"]).exit_code == 3


def test_misuse() -> None:
    """What is no URL, and an unknown option, have an exit code that is no verdict."""
    assert CliRunner().invoke(cli, ["doctor", "ftp://x"]).exit_code == 64
    assert CliRunner().invoke(cli, ["doctor", "--nonsense"]).exit_code == 64
