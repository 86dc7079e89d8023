"""The plugin as its host sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.config import PluginsConfig
from vmon_core.evidence import Probed, ProcessSeen
from vmon_core.host.plugin_host import PluginHost
from vmon_core.plugin import Schedule
from vmon_core.records import Target, Tick
from vmon_plugin_vllm.config import VllmConfig
from vmon_plugin_vllm.plugin import VllmPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmon_testkit.pytest_plugin import StandInFactory

THREADS = ("vmon-log", "vmon-exits")


@pytest.fixture
def plugin() -> Iterator[VllmPlugin]:
    """A plugin; it is stopped after the test."""
    made = VllmPlugin()
    yield made
    made.vmon_stop()


def start(plugin: VllmPlugin, *targets: Target) -> None:
    """Start it as a host with these targets does."""
    host: Any = SimpleNamespace(
        targets=targets, config={"vllm": VllmConfig()}.__getitem__, emit=lambda evidence=(), samples=(): None
    )
    plugin.vmon_start(host)


def test_host_takes_it(plugin: VllmPlugin) -> None:
    """It passes the host's checks, with its table and its schedule."""
    host = PluginHost(config=PluginsConfig(tables={"vllm": {"timeout": 1.5}}))
    loaded = host.register(plugin)
    assert host.config("vllm") == VllmConfig(timeout=1.5)
    assert {"vmon_launch", "vmon_adopt", "vmon_targets", "vmon_recording"} <= set(loaded.describe()["hooks"])
    (collector,) = host.collectors
    assert collector.function.vmon_schedule == Schedule(1.0, 10.0)  # type: ignore[attr-defined]  # `every` notes it there


def test_each_target_has_its_own_attachment(standin: StandInFactory, plugin: VllmPlugin) -> None:
    """A look at one server asks that one, and an unknown target gives nothing."""
    server = standin()
    known, empty = Target(name="known", url=server.url, pid=server.pid), Target(name="empty")
    start(plugin, known, empty)
    kinds = {type(seen) for seen in plugin.vmon_collect(Tick(1e9, known))}
    assert {Probed, ProcessSeen} <= kinds
    assert list(plugin.vmon_collect(Tick(1e9, empty))) == []
    assert list(plugin.vmon_collect(Tick(1e9, Target(name="unknown")))) == []


def test_stop_leaves_no_thread_and_no_target(tmp_path: Path, plugin: VllmPlugin) -> None:
    """Everything that was started ends, and a look after it gives nothing."""
    target = Target(name="t", log=str(tmp_path / "later.log"))
    before = set(threading.enumerate())
    start(plugin, target)
    ours = set(threading.enumerate()) - before
    assert {thread.name for thread in ours} == set(THREADS)
    plugin.vmon_stop()
    assert not any(thread.is_alive() for thread in ours)
    assert list(plugin.vmon_collect(Tick(0.0, target))) == []
    plugin.vmon_stop()


def test_finds_a_running_server(tmp_path: Path, plugin: VllmPlugin) -> None:
    """A server on this machine is found by its command line, with the address it listens on."""
    script = tmp_path / "vllm"
    script.write_text("print(flush=True); input()")
    command = [sys.executable, str(script), "serve", "m", "--port", "8123"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        found = {target.pid: target for target in plugin.vmon_targets()}
        server.communicate(b"\n")
    assert found[server.pid].url == "http://127.0.0.1:8123"


def test_opens_its_own_recordings_only(tmp_path: Path, plugin: VllmPlugin) -> None:
    """A folder of another kind is somebody else's."""
    assert plugin.vmon_recording(tmp_path) is None
    assert plugin.vmon_recording(tmp_path / "absent") is None
    (tmp_path / "launch.json").write_text(json.dumps({"argv": ["vllm", "serve", "m"]}))
    frames = plugin.vmon_recording(tmp_path)
    assert frames is not None
    assert [frame.time for frame in frames] == [0.0]


def test_heavy_modules_are_not_imported_with_the_plugin() -> None:
    """The command line loads every plugin for each command, and must start fast."""
    code = (
        "import sys, vmon_plugin_vllm.plugin; "
        "print([m for m in ('psutil', 'ssl', 'asyncio', 'vmon_plugin_vllm.attachment') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], timeout=60, check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"
