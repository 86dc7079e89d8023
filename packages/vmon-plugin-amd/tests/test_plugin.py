"""The plugins as the host sees them: where there are GPUs, where there are none, and when the driver hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.config import Config
from vmon_core.config.model import MonitorConfig, PluginsConfig
from vmon_core.device_health import explain_finding
from vmon_core.device_health.findings import CODES
from vmon_core.evidence import Health
from vmon_core.feedback import CallbackHandler, Feedback
from vmon_core.monitor import VLLMMonitor, make_host
from vmon_core.plugin import Isolation
from vmon_core.records import Target
from vmon_plugin_amd import health
from vmon_plugin_amd.plugin import AMDPlugin
from vmon_testkit.amdsmi import AmdGpu, AmdScenario, FakeAmdSmi
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


class Watch:
    """A monitor with all installed plugins, and what it says."""

    def __init__(self, folder: Path) -> None:
        tables = {"amd": {"interval": 1.0}, "nvidia": {"interval": 1.0}}
        config = Config(monitor=MonitorConfig(data_dir=folder), plugins=PluginsConfig(tables=tables))
        self.said: list[tuple[str, str]] = []
        feedback = Feedback()
        feedback.add(CallbackHandler(lambda message: self.said.append((message.source, message.text))))
        self.monitor = VLLMMonitor(Target(name="t"), host=make_host(config, feedback), config=config, feedback=feedback)

    @property
    def window(self) -> Any:
        """The recent past."""
        return self.monitor.pipeline.window

    @property
    def child(self) -> int | None:
        """The pid of the amd plugin's process."""
        (plugin,) = [p for p in self.monitor.list_plugins() if p["name"] == "amd"]
        pid: int | None = plugin.get("pid")
        return pid

    def findings(self) -> set[str]:
        """The codes of open findings."""
        return {finding.code for finding in self.monitor.get_lifecycle_report().findings if not finding.cleared}


def test_where_there_is_no_driver_there_is_no_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plugin stays in vmon's own, and says so."""
    monkeypatch.setenv("VMON_AMD_ROOT", str(tmp_path))
    plugin = AMDPlugin()
    assert plugin.vmon_plugin_info().isolation is Isolation.THREAD
    assert (plugin.vmon_devices(), plugin.vmon_facts()) == ((), {})


def test_a_driver_without_the_module_is_explained(fake: FakeAmdSmi, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that helps, and no process either."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert AMDPlugin().vmon_plugin_info().isolation is Isolation.THREAD


def test_the_second_plugin_stays_with_vmon() -> None:
    """It never calls the driver."""
    info = health.plugin.vmon_plugin_info()
    assert (info.name, info.isolation) == ("amd-health", Isolation.THREAD)


@pytest.mark.parametrize("code", sorted(CODES))
def test_its_findings_are_explained(code: str) -> None:
    """Every one that it may make."""
    assert health.plugin.vmon_explain(code) == explain_finding(code) is not None


def test_a_machine_without_gpus_says_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A monitor starts, says it once, and goes on without a child process."""
    monkeypatch.setenv("VMON_AMD_ROOT", str(tmp_path))
    watch = Watch(tmp_path)
    with watch.monitor:
        wait_until(lambda: watch.monitor.pipeline.window.now > 0)
        assert watch.child is None
    assert [text for source, text in watch.said if source == "amd"] == [
        "there are no AMD GPUs: the amdgpu driver is not loaded"
    ]


@pytest.mark.slow
def test_a_monitor_measures_judges_and_survives_a_hang(tmp_path: Path) -> None:
    """Figures come from a child process; a driver that hangs is a finding, and the ticks go on."""
    with FakeAmdSmi(AmdScenario(gpus=(AmdGpu(), AmdGpu()))) as fake:
        watch = Watch(tmp_path)
        with watch.monitor:
            wait_until(lambda: watch.window.latest("gpu.power") == 280)
            assert watch.child is not None
            hardware = lambda: watch.monitor.get_lifecycle_report().checkpoint.hardware  # noqa: E731 (asked until it tells)
            devices = wait_until(lambda: hardware().get("devices"))
            assert [device["pci"] for device in devices] == ["0000:26:00.0", "0000:36:00.0"]
            fake.change(gpu=1, uncorrected=1)
            wait_until(lambda: "gpu.ecc" in watch.findings())
            wait_until(lambda: len(watch.window.points("gpu.health", (("gpu", "0"), ("kind", "amd")))) > 3)
            fake.change(hangs=("amdsmi_get_gpu_metrics_info",))
            wait_until(lambda: "gpu.silent" in watch.findings(), seconds=40)
            wait_until(lambda: {judged.health for judged in watch.window.facts.devices.values()} == {Health.UNKNOWN})
            before = watch.window.now
            wait_until(lambda: watch.window.now > before)
            fake.change(hangs=())
