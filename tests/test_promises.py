"""Plugins from code strings exactly as they were promised to users, with the real sandbox and real plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core import create_monitor_with_plugins, setup_plugin_system
from vmon_core.config import Config, MonitorConfig
from vmon_core.journal import Journal
from vmon_core.plugin import PluginInfo, hookimpl
from vmon_core.records import Sample
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_core import VLLMMonitor
    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.records import Tick


class Gpu:
    """Stands in for a plugin that measures GPUs."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="fake-gpu", version="1")

    @hookimpl
    def vmon_collect(self, tick: Tick) -> list[Sample]:
        """Give the temperature of two GPUs."""
        return [Sample("gpu.temperature", t, tick.time, (("gpu", g),), "celsius") for g, t in (("0", 70), ("1", 91))]


@pytest.fixture
def monitor(tmp_path: Path) -> VLLMMonitor:
    """A monitor with every installed plugin."""
    return create_monitor_with_plugins(config=Config(monitor=MonitorConfig(data_dir=tmp_path)))


def metrics(monitor: VLLMMonitor) -> dict[str, float]:
    """The latest values."""
    return monitor.between_ticks(monitor.pipeline.window.flat)


def proposed(monitor: VLLMMonitor) -> list[str]:
    """The kinds of actions that were proposed."""
    return [report.action.kind for report in monitor.get_lifecycle_report().actions]


def watch_gpus(plugin_manager: PluginHost) -> None:
    """The calls as they were promised."""
    plugin_manager.create_plugin(
        name="gpu_monitor",
        plugin_type="collector",
        execute_code="return {'gpu_temp': 75, 'gpu_util': 85}",
        description="Monitor GPU metrics",
    )
    plugin_manager.create_guardrail(
        name="high_temp",
        description="Detect GPU overheating",
        condition_code="return checkpoint.metrics.get('gpu_temp', 0) > 80",
        intervention="throttle_gpu",
    )


def test_without_a_monitor(tmp_path: Path) -> None:
    """A plugin system alone takes them."""
    plugin_manager = setup_plugin_system(Config(monitor=MonitorConfig(data_dir=tmp_path)))
    watch_gpus(plugin_manager)
    assert [each["name"] for each in plugin_manager.code_plugins()] == ["gpu_monitor", "high_temp"]


def test_collector_and_guardrail(monitor: VLLMMonitor) -> None:
    """The value arrives under its own key, and when it is too high the guardrail proposes."""
    plugin_manager = monitor.plugin_manager
    watch_gpus(plugin_manager)
    monitor.plugin_manager.create_plugin(
        name="custom_collector", plugin_type="collector", execute_code="return {'custom_metric': 42}"
    )
    with monitor:
        wait_until(lambda: {"gpu_temp", "gpu_util", "custom_metric"} <= set(metrics(monitor)))
        found = metrics(monitor)
        assert (found["gpu_temp"], found["gpu_util"], found["custom_metric"]) == (75, 85, 42)
        runs = {each["name"]: each for each in plugin_manager.code_plugins()}
        wait_until(lambda: {e["name"]: e["runs"] for e in plugin_manager.code_plugins()}["high_temp"] > 1)
        assert proposed(monitor) == []
        assert runs["high_temp"]["errors"] == 0
        plugin_manager.create_plugin(
            name="gpu_monitor", plugin_type="collector", execute_code="return {'gpu_temp': 95, 'gpu_util': 85}"
        )
        wait_until(lambda: proposed(monitor) == ["throttle_gpu"])


def test_analyzer_of_an_agent(monitor: VLLMMonitor) -> None:
    """It can be created on a machine without GPUs, and finds the hottest one where there are some."""
    code = """
data = collect_gpu_metrics()
if data['temperature'] > 80:
    return {'status': 'warning', 'temp': data['temperature']}
return {'status': 'ok', 'temp': data['temperature']}
"""
    monitor.plugin_manager.create_plugin(name="ai_generated_monitor", plugin_type="analyzer", execute_code=code)
    monitor.register_plugin(Gpu())
    with monitor:
        wait_until(
            lambda: "code.ai_generated_monitor" in monitor.between_ticks(lambda: monitor.pipeline.findings.codes)
        )
        finding = next(f for f in monitor.pipeline.findings.all if f.code == "code.ai_generated_monitor")
    assert finding.summary == "ai_generated_monitor: warning (temp=91)"
    assert finding.source == "sandbox"


def test_they_come_back_with_the_journal(tmp_path: Path) -> None:
    """Two monitors in sequence, on one journal."""
    config = Config(monitor=MonitorConfig(data_dir=tmp_path))
    first = create_monitor_with_plugins(config=config)
    with Journal(tmp_path / "journal.db") as journal:
        first.add_recorder(journal)
        first.plugin_manager.create_plugin("custom_collector", "collector", "return {'custom_metric': 42}")
    second = create_monitor_with_plugins(config=config)
    with Journal(tmp_path / "journal.db") as journal:
        second.add_recorder(journal)
        with second:
            wait_until(lambda: metrics(second).get("custom_metric") == 42)
