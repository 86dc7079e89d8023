"""What a command can ask of a running monitor, through its real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.config import Config
from vmon_core.config.model import MonitorConfig
from vmon_core.control.client import running_monitor
from vmon_core.evidence import ActionTaken
from vmon_core.host.plugin_host import PluginHost
from vmon_core.monitor import VLLMMonitor
from vmon_core.monitor_methods import control_of
from vmon_core.plugin import PluginInfo, hookimpl
from vmon_core.records import Finding, Sample, Severity, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vmon_core.control.client import ControlClient
    from vmon_core.pipeline.window import Window


class Analyzer:
    """Always finds something."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who it is."""
        return PluginInfo(name="analyzer", version="1.0")

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Find it."""
        summary = "the key is sk-abcdefghijklmnopqrstuvwxyz123456"
        return [Finding(code="x.y", severity=Severity.WARNING, summary=summary, time=window.now)]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[ControlClient]:
    """Calls a running monitor that has been told something."""
    host = PluginHost()
    host.register(Analyzer())
    config = Config(monitor=MonitorConfig(data_dir=tmp_path))
    with VLLMMonitor(Target(name="m"), host=host, config=config) as monitor, control_of(monitor):
        monitor.loop.emit([ActionTaken(time=1.0, action="launch")], [Sample("vllm.tokens.generated", 7.0, 1.0)])
        monitor.between_ticks(lambda: None)
        yield running_monitor(tmp_path).client


def test_status(client: ControlClient) -> None:
    """State, reason and findings; metrics only when asked for, and their names are no secrets."""
    status = client.call("status")
    assert (status["target"], status["state"]) == ("m", "LAUNCHING")
    assert status["reason"]
    assert [f["code"] for f in status["findings"]] == ["x.y"]
    assert "metrics" not in status
    assert client.call("status", metrics=True)["metrics"] == {"vllm.tokens.generated": 7.0}


def test_status_hides_secrets(client: ControlClient) -> None:
    """What an analyzer quotes is redacted like everything else that leaves the process."""
    assert client.call("status")["findings"][0]["summary"] == "the key is sk-***"


def test_plugins_list(client: ControlClient) -> None:
    """Those in use with how each fares, and the rejected ones."""
    plugins = client.call("plugins.list")
    assert [(p["name"], p["failures"]) for p in plugins["loaded"]] == [("analyzer", 0)]
    assert plugins["rejected"] == []
