"""`vmon plugins reload` against a monitor that runs in another process, as a person uses it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from vmon_core.control.client import running_monitors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """
from vmon_core.plugin import Capability, PluginInfo, every, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="mine", version="VERSION", provides=(Capability("mine.data"),))

@hookimpl
@every("50ms")
def vmon_collect():
    print("a plugin that talks")
"""

DEPENDENT = """
from vmon_core.plugin import PluginInfo, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="other", version="1.0", requires=("mine.data",))
"""


def vmon(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a vmon command to its end."""
    command = [sys.executable, "-m", "vmon_core", "--config", str(config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a folder of plugins; only what is asked for by name is reloaded, as in a package."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(SOURCE.replace("VERSION", "1.0"))
    path = tmp_path / "vmon.toml"
    folders = json.dumps([str(tmp_path / "plugins")])
    path.write_text(f"[monitor]\ndata_dir = {json.dumps(str(tmp_path / 'state'))}\n[plugins]\nfolders = {folders}\n")
    return path


@pytest.fixture
def watching(config: Path) -> Iterator[None]:
    """A `vmon watch` of an address where nobody is."""
    command = [sys.executable, "-m", "vmon_core", "--config", str(config), "watch", "--json", "http://127.0.0.1:9"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 30
        while not running_monitors(config.parent / "state"):
            assert time.monotonic() < end, "it does not listen"
            time.sleep(0.05)
        yield
        process.terminate()
        process.wait(30)


@pytest.mark.usefixtures("watching")
def test_reload_of_a_running_monitor(config: Path) -> None:
    """It names the versions, in words and as JSON; a version that is refused is exit code 1, with the reason."""
    done = vmon(config, "plugins", "reload", "mine", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {"name": "mine", "old": "1.0", "new": "1.0", "restarted": []},
    )
    assert vmon(config, "plugins", "reload", "mine").stdout == "mine: version 1.0 took the place of 1.0\n"
    (config.parent / "plugins" / "mine.py").write_text("def broken(:\n")
    refused = vmon(config, "plugins", "reload", "mine")
    assert refused.returncode == 1
    assert "SyntaxError" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.usefixtures("watching")
def test_disable_and_enable_act_at_once(config: Path) -> None:
    """The file says it for the next start, and the running monitor does it now."""
    (monitor,) = running_monitors(config.parent / "state")

    def in_use() -> bool:
        return "mine" in [plugin["name"] for plugin in monitor.client.call("plugins.list")["loaded"]]

    assert "done there as well" in vmon(config, "plugins", "disable", "mine").stdout
    assert not in_use()
    assert "done there as well" in vmon(config, "plugins", "enable", "mine").stdout
    assert in_use()


def test_running_monitor_refuses(config: Path, request: pytest.FixtureRequest) -> None:
    """What another plugin needs there is not taken away: the file says it for the next start, the exit code tells."""
    (config.parent / "plugins" / "other.py").write_text(DEPENDENT)
    request.getfixturevalue("watching")
    done = vmon(config, "plugins", "disable", "mine", "--json")
    written, told = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, written["changed"], told["done"]) == (1, True, False)
    assert "other" in told["refusal"]


def test_json_of_a_watch_is_nothing_but_json(config: Path) -> None:
    """What plugins print meanwhile is on standard error."""
    done = vmon(config, "watch", "--json", "--for", "2", "http://127.0.0.1:9")
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()][-1] == "report"
    assert "a plugin that talks" in done.stderr


def test_no_monitor_runs(config: Path) -> None:
    """The error says how to start one."""
    done = vmon(config, "plugins", "reload", "mine")
    assert done.returncode == 1
    assert "start one with `vmon run` or `vmon watch`" in done.stderr
