"""The command line as a person uses it, mistakes included: one clear line, no traceback, a telling exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from vmon_core.cli.root import COMMANDS, cli

if TYPE_CHECKING:
    from vmon_testkit.pytest_plugin import StandInFactory

TRACES = Path(__file__).parents[1] / "traces"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file that keeps vmon's files apart."""
    path = tmp_path / "vmon.toml"
    path.write_text(f'[monitor]\ndata_dir = "{tmp_path / "state"}"\n')
    return path


def vmon(config: Path, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a vmon command to its end."""
    command = [sys.executable, "-m", "vmon_core", "--config", str(config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The JSON objects that it printed."""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str) -> None:
    """Each command has a help text that says what it does."""
    shown = CliRunner().invoke(cli, [name, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 5


def test_help_keeps_its_lines() -> None:
    """Examples in help texts stay one a line."""
    shown = CliRunner().invoke(cli, ["--help"]).output
    assert "  vmon demo\n" in shown
    assert "\\b" not in shown


def test_mistyped_command_gets_a_suggestion() -> None:
    """A near miss is answered with the right name, and exit code 2."""
    shown = CliRunner().invoke(cli, ["wach"])
    assert shown.exit_code == 2
    assert "Did you mean 'watch'?" in shown.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """Each shell gets its script."""
    assert "_VMON_COMPLETE" in CliRunner().invoke(cli, ["completion", shell]).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--", "no-such-program"], "command not found: no-such-program"),
        (["status"], "there is no journal"),
        (["report"], "there is no journal"),
        (["watch", "ftp://x"], "is no address of a server"),
        (["replay", "/etc"], "is no recording that vmon can read"),
    ],
)
def test_mistakes_end_with_one_line(config: Path, arguments: list[str], message: str) -> None:
    """The message names the cause; there is no traceback, and the exit code is 1."""
    done = vmon(config, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_malformed_configuration_names_file_line_and_key(config: Path) -> None:
    """Every problem of the file is told with its place and what was expected."""
    config.write_text('[monitor]\nintervall = "1s"\n\n[gate]\nmode = "sometimes"\n')
    done = vmon(config, "config", "check")
    assert done.returncode == 1
    assert f"{config}:2" in done.stderr
    assert "intervall" in done.stderr
    assert f"{config}:5" in done.stderr
    assert "observe" in done.stderr
    assert "Traceback" not in done.stderr


def test_default_configuration_is_accepted(config: Path) -> None:
    """The file that `config default` prints can be used as it is."""
    config.write_text(vmon(config, "config", "default").stdout)
    assert vmon(config, "config", "check").returncode == 0


def test_replay_is_deterministic_and_ends_with_the_outcome(config: Path) -> None:
    """One object a transition, the outcome last, and the same bytes twice."""
    first, second = (vmon(config, "replay", str(TRACES / "kill_worker"), "--json") for _ in range(2))
    assert first.stdout == second.stdout
    *events, end = lines(first)
    assert {"t", "from", "to", "reason"} <= set(events[0])
    assert (end["final"], end["failure"]["code"]) == ("CRASHED", "worker.died")
    assert end["failure"]["restart_helps"] is True
    assert sum(p["seconds"] for p in end["phases"]) == pytest.approx(40.6563, abs=0.01)


def test_watch_once_of_nobody_is_unknown_within_three_seconds(config: Path) -> None:
    """A refused connection is exit code 3, quickly."""
    started = time.monotonic()
    done = vmon(config, "watch", "--once", "--json", "http://127.0.0.1:9")
    assert done.returncode == 3
    assert lines(done)[0]["state"] == "UNREACHABLE"
    assert time.monotonic() - started < 10


def test_watch_once_of_a_healthy_server(config: Path, standin: StandInFactory) -> None:
    """A server at rest is exit code 0, whether named by URL or found on this machine."""
    server = standin()
    done = vmon(config, "watch", "--once", "--json", server.url)
    assert (done.returncode, lines(done)[0]["state"]) == (0, "IDLE")


@pytest.mark.parametrize(
    "fault", ["auth_metrics", "html_metrics", "truncated_metrics", "endless_metrics", "huge_metrics", "renamed_metrics"]
)
def test_watch_survives_strange_metrics(config: Path, standin: StandInFactory, fault: str) -> None:
    """Whatever /metrics is, the server is still seen to be up."""
    server = standin("--fault", fault)
    done = vmon(config, "watch", "--once", "--json", server.url)
    assert lines(done)[0]["state"] == "IDLE"
    assert "Traceback" not in done.stderr


def test_run_leads_a_server_to_its_end(config: Path, tmp_path: Path) -> None:
    """Run, stop by a signal, exit code 0; then status, events, report and replay know about it."""
    command = [sys.executable, "-m", "vmon_core", "--config", str(config), "run", "--json", "--name", "life", "--"]
    command += ["vmon-standin", "serve", "tiny", "--port", str(_free_port()), "--startup-seconds", "0.5"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PATH": path}) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if json.loads(line).get("to") == "IDLE":
                run.send_signal(signal.SIGINT)
                break
        report = json.loads(run.stdout.read().splitlines()[-1])
    assert run.returncode == 0
    assert (report["state"], report["leftovers"]) == ("STOPPED", [])
    assert lines(vmon(config, "status", "--json"))[0]["state"] == "STOPPED"
    assert {"transition", "checkpoint"} <= {e["kind"] for e in lines(vmon(config, "events", "--json"))}
    assert lines(vmon(config, "report", "--json"))[0]["phases"] == report["phases"]
    page = tmp_path / "report.html"
    assert vmon(config, "report", "--html", str(page)).returncode == 0
    assert "STOPPED" in page.read_text()
    assert "http" not in page.read_text().split("Arguments")[0]
    replayed = lines(vmon(config, "replay", str(tmp_path / "state" / "journal.db"), "--json"))
    assert replayed[-1]["final"] == "STOPPED"


def _free_port() -> int:
    import socket  # noqa: PLC0415 (for this helper alone)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("fault", "code", "failure"),
    [("fail_start:cause=kv_too_small", 3, "memory.kv_cache_too_small"), ("engine_death:at=0.5", 4, "engine.died")],
)
def test_exit_code_tells_how_it_ended(config: Path, fault: str, code: int, failure: str) -> None:
    """A failed start and a crash have exit codes of their own, and the report names the cause."""
    program = str(Path(sys.executable).parent / "vmon-standin")
    server = [program, "serve", "tiny", "--port", str(_free_port()), "--startup-seconds", "0.5", "--fault", fault]
    done = vmon(config, "run", "--json", "--", *server)
    assert done.returncode == code
    assert lines(done)[-1]["failure"]["code"] == failure


def test_safe_mode_loads_only_what_is_built_in(config: Path) -> None:
    """`vmon --safe-mode` before any command."""
    done = vmon(config, "--safe-mode", "plugins", "--json")
    assert [p["name"] for p in lines(done)] == ["notify", "cost"]


def test_plugins_says_why_one_is_missing(config: Path) -> None:
    """A disabled plugin is listed with its reason; --strict makes that an error."""
    config.write_text(config.read_text() + '\n[plugins]\ndisabled = ["system"]\n')
    done = vmon(config, "plugins", "--json", "--strict")
    assert done.returncode == 1
    rejected = [p for p in lines(done) if not p["loaded"]]
    assert [(p["name"], "disabled" in p["reason"]) for p in rejected] == [("system", True)]
