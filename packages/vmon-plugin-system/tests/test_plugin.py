"""The plugin: its hooks, its interval, and whose figures it gives."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cattrs
import pytest

from vmon_core.plugin import Schedule
from vmon_core.records import Target, Tick
from vmon_plugin_system.collector import is_here
from vmon_plugin_system.config import SystemConfig
from vmon_plugin_system.plugin import SystemPlugin

if TYPE_CHECKING:
    from pathlib import Path

HERE = Target(name="t", url="http://127.0.0.1:8000", pid=os.getpid())


def started(config: SystemConfig, data_dir: Path) -> SystemPlugin:
    """A plugin that a host has started."""
    plugin = SystemPlugin()
    host: Any = SimpleNamespace(config=lambda name: {"system": config}[name], data_dir=data_dir)
    plugin.vmon_start(host)
    return plugin


def names(plugin: SystemPlugin, tick: Tick) -> set[str]:
    """What one call gives."""
    return {sample.name for sample in plugin.vmon_collect(tick)}


def test_information() -> None:
    """It says who it is and what its configuration is."""
    info = SystemPlugin().vmon_plugin_info()
    assert (info.name, info.config) == ("system", SystemConfig)


def test_schedule_is_finer_than_the_interval() -> None:
    """The host calls every second, so that any interval of whole seconds can be kept."""
    schedule: Schedule = SystemPlugin.vmon_collect.vmon_schedule  # type: ignore[attr-defined]
    assert schedule == Schedule(1.0, 2.0)


def test_interval_is_kept(tmp_path: Path) -> None:
    """Between two measurements nothing is read, unless it is urgent."""
    plugin = started(SystemConfig(interval=10.0), tmp_path)
    assert names(plugin, Tick(100.0, HERE))
    assert not names(plugin, Tick(109.0, HERE))
    assert names(plugin, Tick(109.5, HERE, urgent=True))
    assert not names(plugin, Tick(118.0, HERE))
    assert names(plugin, Tick(119.5, HERE))


def test_processes_can_be_left_out(tmp_path: Path) -> None:
    """The machine is still measured."""
    found = names(started(SystemConfig(processes=False), tmp_path), Tick(0.0, HERE))
    assert found
    assert not any(name.startswith("process.") for name in found)


def test_target_without_a_pid_has_no_processes(tmp_path: Path) -> None:
    """Only the machine is known then."""
    found = names(started(SystemConfig(), tmp_path), Tick(0.0, Target(name="t", url="http://localhost:8000")))
    assert "system.memory.total" in found
    assert not any(name.startswith("process.") for name in found)


def test_pid_that_becomes_known_is_measured(tmp_path: Path) -> None:
    """A server that starts again under the same name is a new one, and measured at once."""
    plugin = started(SystemConfig(), tmp_path)
    assert "process.threads" not in names(plugin, Tick(0.0, Target(name="t")))
    assert "process.threads" in names(plugin, Tick(1.0, HERE))
    assert len(plugin._collectors) == 1


def test_stop_forgets(tmp_path: Path) -> None:
    """Nothing is kept after the end."""
    plugin = started(SystemConfig(), tmp_path)
    plugin.vmon_collect(Tick(0.0, HERE))
    plugin.vmon_stop()
    assert plugin._collectors == {}


@pytest.mark.parametrize(
    ("target", "here"),
    [
        (Target(name="t", url="http://gpu7.example.org:8000"), False),
        (Target(name="t", url="http://gpu7.example.org:8000", pid=1), True),
        (Target(name="t", url="http://127.0.0.2:8000"), True),
        (Target(name="t", url="http://[::1]:8000"), True),
        (Target(name="t", url="http://LOCALHOST:8000"), True),
        (Target(name="t"), True),
    ],
)
def test_only_targets_on_this_machine_are_measured(tmp_path: Path, target: Target, *, here: bool) -> None:
    """This machine's figures would mislead about a server elsewhere."""
    assert is_here(target) is here
    assert bool(names(started(SystemConfig(processes=False), tmp_path), Tick(0.0, target))) is here


@pytest.mark.parametrize("table", [{"interval": 0}, {"interval": "soon"}, {"max_processes": 0}, {"tree_interval": -1}])
def test_nonsense_in_the_configuration_is_refused(table: dict[str, Any]) -> None:
    """A mistake is an error at the start, not a monitor that never measures."""
    with pytest.raises(cattrs.BaseValidationError):
        cattrs.structure(table, SystemConfig)


def test_psutil_is_not_imported_with_the_plugin() -> None:
    """The command line loads every plugin for each command, and must start fast."""
    code = "import sys, vmon_plugin_system.plugin; sys.exit('psutil' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
