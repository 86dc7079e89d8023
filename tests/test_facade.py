"""The public API exactly as it was promised to users."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import vmon_core
from vmon_core import (
    GuardrailPolicy,
    LifecycleState,
    LifecycleTracker,
    Sample,
    StateTransition,
    Target,
    VLLMMonitor,
    create_monitor_with_plugins,
    every,
    hookimpl,
    setup_lifecycle_tracking,
    setup_plugin_system,
)
from vmon_core.config import Config, GateConfig, MonitorConfig
from vmon_core.devices import Device
from vmon_core.evidence import ActionTaken, Probed
from vmon_core.plugin import PluginInfo
from vmon_core.records import Frame, GateMode, OutcomeStatus
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vmon_core.records import Tick


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration that keeps its files apart."""
    return Config(monitor=MonitorConfig(data_dir=tmp_path))


def test_tracker_by_itself() -> None:
    """A tracker alone notes a start and holds guardrails."""
    lifecycle_tracker = setup_lifecycle_tracking()
    checkpoint = lifecycle_tracker.track_startup(
        arguments={"model": "llama-2-7b", "gpu_memory_utilization": 0.9}, environment={"CUDA_VISIBLE_DEVICES": "0,1"}
    )
    lifecycle_tracker.register_guardrail(
        GuardrailPolicy(
            name="memory_threshold",
            description="Prevent OOM",
            condition=lambda cp: cp.metrics.get("memory_percent", 0) > 90,
            intervention="cleanup_memory",
        )
    )
    assert isinstance(lifecycle_tracker, LifecycleTracker)
    assert checkpoint.state is LifecycleState.LAUNCHING
    assert checkpoint.arguments["gpu_memory_utilization"] == 0.9
    assert checkpoint.environment == {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert list(lifecycle_tracker.policies) == ["memory_threshold"]


def test_checkpoints_name_plugins_with_their_source(config: Config) -> None:
    """Those in use at that very moment, in every checkpoint, whether the monitor runs or not."""
    monitor = create_monitor_with_plugins(config=config)

    class Extra:
        @hookimpl
        def vmon_plugin_info(self) -> PluginInfo:
            return PluginInfo(name="extra", version="2.0")

    before = monitor.pipeline.checkpoint(1.0).software
    monitor.register_plugin(Extra())
    with monitor:
        after = monitor.pipeline.checkpoint(2.0).software
    assert before["plugin system"].split(" from ")[1].startswith("vmon-plugin-system ")
    assert "plugin extra" not in before
    assert after["plugin extra"] == "2.0 from this process"
    monitor.plugin_manager.unregister("extra")
    assert "plugin extra" not in monitor.pipeline.checkpoint(3.0).software


def test_monitor_with_plugins(config: Config) -> None:
    """A monitor tracks what it is told, holds guardrails, reports, and lists its plugins."""
    monitor = create_monitor_with_plugins(config=config)
    monitor.track_lifecycle_state(
        LifecycleState.INITIALIZING, StateTransition.STARTUP, {"model": "llama-2-7b", "tensor_parallel_size": 2}
    )
    monitor.register_guardrail(
        name="high_latency",
        condition=lambda cp: cp.metrics.get("latency_ms", 0) > 100,
        intervention="optimize_batch_size",
    )
    lifecycle_report = monitor.get_lifecycle_report()
    assert lifecycle_report.state is LifecycleState.INITIALIZING
    assert lifecycle_report.checkpoint is not None
    assert lifecycle_report.checkpoint.arguments["tensor_parallel_size"] == 2
    assert {"notify", "vllm", "system"} <= {p["name"] for p in monitor.list_plugins()}
    assert monitor.plugin_manager.report.rejected == ()


def test_plugin_system_by_itself() -> None:
    """The plugins can be loaded without a monitor."""
    assert "vllm" in setup_plugin_system().report.loaded


class Thermometer:
    """A plugin that collects one number and says when it has."""

    def __init__(self) -> None:
        self.collected = threading.Event()

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="thermometer", version="1.0")

    @hookimpl
    @every("50ms")
    def vmon_collect(self, tick: Tick) -> list[Sample]:
        """Read the temperature."""
        self.collected.set()
        return [Sample("room.temperature", 21.5, tick.time)]


def test_monitor_runs_plugins_of_this_process(config: Config) -> None:
    """Inside `with` a registered plugin is called, and what it returns is in the next checkpoint."""
    monitor = VLLMMonitor(Target(name="t"), config=config)
    plugin = Thermometer()
    monitor.register_plugin(plugin)
    with monitor:
        assert plugin.collected.wait(5)
    assert monitor.pipeline.checkpoint(0.0).metrics["room.temperature"] == 21.5


def test_all_five_stages_with_notify(config: Config) -> None:
    """Evidence, state, guardrail, gate and the harmless intervention: the whole way, in mode auto."""
    auto = Config(monitor=config.monitor, gate=GateConfig(mode=GateMode.AUTO))
    monitor = VLLMMonitor(Target(name="t"), host=setup_plugin_system(), config=auto)
    monitor.register_guardrail("down", lambda cp: cp.state is LifecycleState.UNREACHABLE, "notify")
    monitor.observe(ActionTaken(time=0.0, action="attach"), Probed(time=1.0, path="/health", error="refused"))
    (action,) = monitor.get_lifecycle_report().actions
    assert action.outcome is not None
    assert action.outcome.status is OutcomeStatus.DONE


def test_default_gate_only_observes(config: Config) -> None:
    """Without configuration the same proposal is noted and not done."""
    monitor = VLLMMonitor(Target(name="t"), host=setup_plugin_system(), config=config)
    monitor.register_guardrail("down", lambda cp: cp.state is LifecycleState.UNREACHABLE, "notify")
    monitor.observe(Probed(time=1.0, path="/health", error="refused"))
    (action,) = monitor.get_lifecycle_report().actions
    assert action.verdict is not None
    assert (action.verdict.ruling.value, action.outcome) == ("hold", None)


def test_action_is_verified_later(config: Config) -> None:
    """Some time after an action it is looked at whether its cause is gone."""
    auto = Config(monitor=config.monitor, gate=GateConfig(mode=GateMode.AUTO))
    monitor = VLLMMonitor(Target(name="t"), host=setup_plugin_system(), config=auto)
    monitor.register_guardrail("hot", lambda cp: cp.metrics.get("heat", 0) > 90, "notify")
    for time, heat in ((1.0, 95.0), (20.0, 50.0)):
        monitor.pipeline.advance(Frame(time, samples=(Sample("heat", heat, time),)))
    (action,) = monitor.get_lifecycle_report().actions
    assert action.outcome is not None
    assert action.outcome.verified is True


def test_public_names_are_sorted_and_exist() -> None:
    """What `__all__` promises is there."""
    assert sorted(vmon_core.__all__) == vmon_core.__all__
    assert all(hasattr(vmon_core, name) for name in vmon_core.__all__)
    assert vmon_core.__version__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        vmon_core.nonsense  # noqa: B018 (the access is the test)


class SlowDriver:
    """Its driver answers when a test lets it."""

    def __init__(self) -> None:
        self.answer = threading.Event()

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="slow-driver", version="1.0")

    @hookimpl
    def vmon_devices(self) -> list[Device]:
        """Hang, then tell."""
        self.answer.wait(60)
        return [Device(kind="example", index=0, uuid="E-1", memory_bytes=8, memory_free_bytes=5)]


def test_a_driver_that_hangs_delays_neither_start_nor_ticks(config: Config) -> None:
    """Checkpoints lack the devices until it answers, and have what stays the same of them from then on."""
    driver = SlowDriver()
    monitor = VLLMMonitor(Target(name="mine"), config=config)
    monitor.register_plugin(driver)

    def hardware() -> Mapping[str, Any]:
        checkpoint = monitor.get_lifecycle_report().checkpoint
        return checkpoint.hardware if checkpoint is not None else {}

    with monitor:
        monitor.observe(ActionTaken(time=1.0, action="attach"))
        wait_until(lambda: monitor.pipeline.window.now > 0)
        assert "devices" not in hardware()
        driver.answer.set()
        wait_until(lambda: "devices" in hardware())
    assert hardware()["devices"] == [{"kind": "example", "index": 0, "uuid": "E-1", "memory_bytes": 8}]
