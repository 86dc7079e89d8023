"""A monitor on a machine with the GPUs of two vendors, both of which count from 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core import Config, Target, VLLMMonitor, create_monitor_with_plugins
from vmon_core.config.model import MonitorConfig, PluginsConfig
from vmon_testkit.amdsmi import AmdGpu, AmdLink, AmdScenario, FakeAmdSmi
from vmon_testkit.nvml import FakeNvml, Instance, compiler, dgx
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(compiler() is None, reason="a process of a plugin needs a compiled library"),
]

PACE_KNOWN = 3
"""Measurements after which silence can be told from a pause."""


@attrs.frozen
class Box:
    """Both fakes, and a monitor with every installed plugin."""

    nvidia: FakeNvml
    amd: FakeAmdSmi
    monitor: VLLMMonitor

    def kinds(self, metric: str) -> set[tuple[str, str]]:
        """Kind and number of each GPU that has this metric."""
        label_sets = self.monitor.between_ticks(lambda: self.monitor.pipeline.window.label_sets(metric))
        return {(dict(labels)["kind"], dict(labels)["gpu"]) for labels in label_sets}

    def findings(self) -> dict[str, set[str]]:
        """The entities of the open findings, by code."""
        found: dict[str, set[str]] = {}
        for finding in self.monitor.between_ticks(lambda: tuple(self.monitor.pipeline.findings.all)):
            if not finding.cleared:
                found.setdefault(finding.code, set()).update(finding.entities)
        return found

    def settle(self) -> None:
        """Wait until both vendors' GPUs were measured so often that their pace is known."""
        everyone = [(("gpu", gpu), ("kind", kind)) for kind in ("nvidia", "amd") for gpu in ("0", "1")]
        points = self.monitor.pipeline.window.points
        wait_until(lambda: all(len(points("gpu.health", labels)) > PACE_KNOWN for labels in everyone), 60)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """Two GPUs with eighteen links of NVIDIA's and two with one link of AMD's."""
    links = (AmdLink(),)
    with (
        FakeNvml(dgx(2)) as nvidia,
        FakeAmdSmi(AmdScenario(gpus=(AmdGpu(links=links), AmdGpu(links=links)))) as amd,
    ):
        for name, value in nvidia.environment.items():
            monkeypatch.setenv(name, value)
        tables = {kind: {"interval": 1.0, "slow_interval": 1.0} for kind in ("nvidia", "amd")}
        config = Config(monitor=MonitorConfig(data_dir=tmp_path), plugins=PluginsConfig(tables=tables))
        monitor = create_monitor_with_plugins(Target(name="t"), config)
        with monitor:
            yield Box(nvidia, amd, monitor)


def test_each_gpu_is_its_own(box: Box) -> None:
    """Figures, findings and checkpoints keep NVIDIA's 0 and AMD's 0 apart; nobody is compared with the other kind."""
    box.settle()
    assert box.findings().get("gpu.link") is None, "a link less than the other vendor's GPUs is no trouble"
    box.amd.change(gpu=0, uncorrected=1)
    wait_until(lambda: "gpu.ecc" in box.findings())
    assert box.findings()["gpu.ecc"] == {"amd:0"}
    checkpoint: Any = box.monitor.get_lifecycle_report().checkpoint
    devices = checkpoint.hardware["devices"]
    assert sorted((device["kind"], device["index"]) for device in devices) == [
        *(("amd", 0), ("amd", 1)),
        *(("nvidia", 0), ("nvidia", 1)),
    ]


def test_one_driver_that_hangs_leaves_the_other_alone(box: Box) -> None:
    """Only the silent vendor is found silent."""
    box.settle()
    box.amd.change(hangs=("amdsmi_get_gpu_metrics_info",))
    wait_until(lambda: "gpu.silent" in box.findings(), 60)
    assert box.findings()["gpu.silent"] == {"amd"}


def test_code_reads_the_hottest_of_all(box: Box) -> None:
    """Sandboxed code sees what the drivers tell, whichever vendor's: first AMD's GPU is the hottest, then NVIDIA's."""
    code = """
data = collect_gpu_metrics()
known = len(data['gpus'])
status = 'warning' if data['temperature'] > 80 else 'ok'
return {'status': status, 'who': data['kind'] + ':' + data['gpu'], 'used': data['memory_used_bytes'], 'known': known}
"""
    box.monitor.plugin_manager.create_plugin(name="hot", plugin_type="analyzer", execute_code=code)
    box.settle()
    assert "code.hot" not in box.findings()
    box.amd.change(gpu=1, temperature=91)
    assert _summary(box, "who=amd:1")
    box.amd.change(gpu=1, temperature=40)
    wait_until(lambda: "code.hot" not in box.findings(), 60)
    box.nvidia.change(gpu=0, temperature=95, memory_used=5 << 30)
    assert f"used={float(5 << 30)}, known=4" in _summary(box, "who=nvidia:0")


def test_instances_are_gpus_of_their_own(box: Box) -> None:
    """A MIG instance has its own memory under its own number."""
    box.nvidia.change(gpu=1, instances=(Instance(gpu_instance=1, memory_used=3 << 30),), mig=True)
    wait_until(lambda: ("nvidia", "1.0") in box.kinds("gpu.memory.used"), 60)


def _summary(box: Box, wanted: str) -> str:
    """The summary of the code's finding, as soon as it says this."""

    def look() -> str:
        found = box.monitor.between_ticks(lambda: tuple(box.monitor.pipeline.findings.all))
        return next((f.summary for f in found if f.code == "code.hot" and wanted in f.summary), "")

    return wait_until(look, 60)
