"""`vmon plugins top`: its rows, and its words when nothing runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
from click.testing import CliRunner

from vmon_core.cli.plugins.top import cells, rows
from vmon_core.cli.root import cli
from vmon_core.config import load_config
from vmon_core.monitor import VLLMMonitor, make_host
from vmon_core.monitor_methods import control_of

if TYPE_CHECKING:
    from pathlib import Path


def plugin(name: str, seconds: float, **more: Any) -> dict[str, Any]:
    """What a monitor says of a plugin."""
    hook = {"calls": 4, "failures": 1, "seconds": seconds, "worst_seconds": 0.25, "stuck": 0, "quarantined": 0}
    hook["thread"] = "vmon-pipeline"
    return {"name": name, "isolation": "thread", "hooks": {"vmon_analyze": {**hook, **more}}}


def said(time: float, *plugins: dict[str, Any]) -> dict[str, Any]:
    """What a monitor says."""
    return {"time": time, "started": 100.0, "plugins": plugins}


def test_share_is_since_the_start_or_since_the_last_look() -> None:
    """The most expensive plugin comes first."""
    first = said(110.0, plugin("a", 1.0), plugin("b", 2.0))
    assert [(r["plugin"], r["busy_share"]) for r in rows(first, {})] == [("b", 0.2), ("a", 0.1)]
    second = said(112.0, plugin("a", 2.0), plugin("b", 2.0))
    assert [(r["plugin"], r["busy_share"]) for r in rows(second, first)] == [("a", 0.5), ("b", 0.0)]


def test_line_of_the_table() -> None:
    """Times in milliseconds; what is wrong is said in words."""
    (row,) = rows(said(110.0, plugin("a", 1.0, stuck=1)), {})
    assert cells(row) == ("a", "4", "1", "250", "250", "10.00%", "stuck in vmon-pipeline", "thread")
    (row,) = rows(said(110.0, {**plugin("a", 1.0, quarantined=1), "pid": 7, "isolation": "process", "restarts": 2}), {})
    assert cells(row)[6:] == ("out of service: vmon_analyze", "process 7 (2 restarts)")


def test_idle_plugin_has_no_times() -> None:
    """Nothing was called, so nothing is said."""
    (row,) = rows(said(110.0, {"name": "a", "isolation": "thread", "hooks": {}}), {})
    assert cells(row)[3:6] == ("", "", "0.00%")


def test_running_monitor_is_asked(tmp_path: Path) -> None:
    """Through its socket; without one, the message says what to start."""
    config = tmp_path / "vmon.toml"
    config.write_text(f'[monitor]\ndata_dir = "{tmp_path}"\n')
    command = ["--config", str(config), "plugins", "top"]
    nobody = CliRunner().invoke(cli, command)
    assert "start one with `vmon run` or `vmon watch`" in str(nobody.exception)
    with control_of(_monitor(tmp_path)):
        text = CliRunner().invoke(cli, command)
        data = CliRunner().invoke(cli, [*command, "--json"])
    assert text.output.splitlines()[0].split()[:3] == ["plugin", "calls", "failures"]
    assert [json.loads(line)["plugin"] for line in data.output.splitlines()] == ["cost", "notify"]


def _monitor(folder: Path) -> VLLMMonitor:
    """One with the built-in plugins only."""
    config = load_config(folder / "vmon.toml")
    config = attrs.evolve(config, plugins=attrs.evolve(config.plugins, safe_mode=True))
    return VLLMMonitor(host=make_host(config), config=config)
