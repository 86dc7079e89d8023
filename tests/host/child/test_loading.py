"""The host moves plugins into child processes when their author, or the operator, says so."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.host.child.conftest import runs

from vmon_core.config.model import PluginsConfig
from vmon_core.devices import Device
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.plugin_host import PluginHost
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

CODE = """
from vmon_core.devices import Device
from vmon_core.plugin import Isolation, PluginInfo, hookimpl
@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="moved", version="1.0", {options})
@hookimpl
def vmon_devices():
    return [Device(kind="moved", index=0)]
"""


def moved(host: PluginHost) -> dict[str, Any]:
    """What is told of the plugin."""
    (described,) = [p.describe() for p in host.plugins if p.info.name == "moved"]
    return described


def loaded(distribution: Callable[..., None], options: str) -> PluginHost:
    """A host with the plugin."""
    distribution("moved", CODE.format(options=f"isolation=Isolation.PROCESS, {options}"))
    host = PluginHost()
    host.load()
    return host


def test_author_asks_for_a_process(distribution: Callable[..., None]) -> None:
    """The plugin is asked in vmon's process who it is, and runs in another as soon as it is asked for more."""
    host = loaded(distribution, "")
    assert (moved(host)["isolation"], moved(host)["pid"]) == ("process", None)
    assert host.hooks.devices() == (Device(kind="moved", index=0),)
    pid = moved(host)["pid"]
    assert runs(pid)
    host.unregister("moved")
    assert not runs(pid)


def test_no_process_where_its_library_is_absent(
    distribution: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers nothing, tells so once it is started, and begins to work when the library comes."""
    monkeypatch.setattr("vmon_core.host.child.keeper.LOOK_SECONDS", 0.05)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    host = loaded(distribution, "libraries=('libnothing.so.1',)")
    said: list[str] = []
    (plugin,) = [p.plugin for p in host.plugins if p.info.name == "moved"]
    assert isinstance(plugin, ChildPlugin)
    plugin._keeper._say = lambda level, source, text, **context: said.append(text)
    assert (host.hooks.devices(), moved(host)["pid"]) == ((), None)
    api: Any = SimpleNamespace(data_dir=tmp_path, targets=(), config={})
    host.start(lambda _: api)
    host.hooks.devices()
    assert (said, moved(host)["pid"]) == (["libnothing.so.1 is not on this machine: nothing is watched with it"], None)
    (tmp_path / "libnothing.so.1").touch()
    wait_until(host.hooks.devices)
    assert runs(moved(host)["pid"])
    assert len(said) == 1
    host.stop()


def test_what_the_operator_isolates_is_never_imported(distribution: Callable[..., None]) -> None:
    """Not even when it crashes: then it is rejected, and the process is gone."""
    distribution("moved", CODE.format(options=""))
    distribution("crashing", "import ctypes; ctypes.string_at(0)")
    host = PluginHost(config=PluginsConfig(isolated=("moved", "crashing")))
    report = host.load()
    assert not {"moved", "crashing"} & sys.modules.keys()
    assert "moved" in report.loaded
    (rejection,) = [r for r in report.rejected if r.name == "crashing"]
    assert "in a child process failed: its process crashed with SIGSEGV" in rejection.reason
    host.unregister("moved")


def test_table_reaches_the_child(distribution: Callable[..., None]) -> None:
    """A wrong one is told in the words of the child."""
    distribution("moved", CODE.format(options=""))
    host = PluginHost(config=PluginsConfig(isolated=("moved",), tables={"moved": {"x": 1}}))
    (rejection,) = [r for r in host.load().rejected if r.name == "moved"]
    assert "it takes no configuration, but [plugins.moved] is not empty" in rejection.reason


@pytest.mark.parametrize("options", ["requires=('nothing.offers.this',)", "name='Not A Name'"])
def test_rejected_plugin_has_no_process(distribution: Callable[..., None], options: str) -> None:
    """One that is refused after it was loaded."""
    started = children()
    distribution("moved", CODE.format(options=options).replace('name="moved", ' if "name=" in options else "?", ""))
    host = PluginHost(config=PluginsConfig(isolated=("moved",)))
    assert "moved" not in host.load().loaded
    wait_until(lambda: children() == started)


def children() -> int:
    """How many processes of plugins this one has; each is told its parent."""
    mine = f"\0{os.getpid()}\0".encode()
    found = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = file.read_bytes()
            found += b"vmon_core.host.child" in line and mine in line
    return found
