"""Every fault of the fake shows in a real monitor as the right event, health and finding within two measurements."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import importlib_metadata as metadata
import pytest

from vmon_core.config import Config
from vmon_core.config.model import GateConfig, MonitorConfig, PluginsConfig
from vmon_core.evidence import DeviceEvent, DeviceJudged
from vmon_core.feedback import Feedback, Message
from vmon_core.monitor import VLLMMonitor, make_host
from vmon_core.pipeline.recorder import Recorder
from vmon_core.plugin import ENTRY_POINT_GROUP, PluginInfo, every, hookimpl
from vmon_core.records import GateMode, Severity
from vmon_testkit.nvml import Error, FakeNvml, Gpu, Link, Scenario, compiler
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Checkpoint, Finding, Frame, Tick

OURS = ("nvidia", "nvidia-health")

pytestmark = pytest.mark.skipif(compiler() is None, reason="the plugin's process needs a compiled library")


class Seen(Recorder):
    """What the pipeline took in and concluded."""

    def __init__(self) -> None:
        self.measured = 0
        self.events: dict[str, dict[str, int]] = {}
        self.judged: dict[str, list[tuple[int, DeviceJudged]]] = {}
        self.findings: dict[tuple[str, str], Finding] = {}

    def add_frame(self, target: str, frame: Frame) -> None:
        """Count measurements, and note at which of them something was told."""
        self.measured += any(sample.name == "gpu.memory.used" for sample in frame.samples)
        for seen in frame.evidence:
            if isinstance(seen, DeviceEvent):
                self.events.setdefault(seen.device, {}).setdefault(seen.code, self.measured)
            elif isinstance(seen, DeviceJudged):
                self.judged.setdefault(seen.device, []).append((self.measured, seen))

    def add_finding(self, target: str, finding: Finding) -> None:
        """Keep those that are open."""
        self.findings[finding.code, finding.entities[0]] = finding

    def open(self, device: str) -> dict[str, Finding]:
        """The open findings about a device, by code."""
        return {code: f for (code, name), f in list(self.findings.items()) if name == device and not f.cleared}

    def health(self, device: str) -> str:
        """How it was judged last, "" when it never was."""
        judged = self.judged.get(device)
        return judged[-1][1].health.value if judged else ""


class Ticker:
    """A collector at 20 Hz in vmon's own process."""

    def __init__(self) -> None:
        self.ticks = 0

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="ticker", version="1.0")

    @hookimpl
    @every("50ms")
    def vmon_collect(self, tick: Tick) -> None:
        """Count."""
        self.ticks += 1


@attrs.define
class Bench:
    """A monitor that runs."""

    monitor: VLLMMonitor
    seen: Seen
    ticker: Ticker
    said: list[Message]
    kernel_log: Path

    def by_nvidia(self) -> list[str]:
        """What the plugin said."""
        return [message.text for message in self.said if message.source == "nvidia"]


class Ear:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[Message] = []

    def handle(self, message: Message) -> None:
        """Keep it."""
        self.said.append(message)

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def running(folder: Path, mode: GateMode = GateMode.OBSERVE) -> Iterator[Bench]:
    """Run a monitor with both plugins of this package, which measures each second; one is in a process of its own."""
    kernel_log = folder / "kmsg"
    kernel_log.touch()
    table = {"interval": 0.5, "slow_interval": 0.5, "kernel_log": str(kernel_log)}
    others = {entry.name for entry in metadata.entry_points(group=ENTRY_POINT_GROUP)} - set(OURS)
    config = Config(
        monitor=MonitorConfig(data_dir=folder, interval=0.2),
        plugins=PluginsConfig(disabled=tuple(others), tables={"nvidia": table}),
        gate=GateConfig(mode=mode),
    )
    feedback, ear, seen, ticker = Feedback(), Ear(), Seen(), Ticker()
    feedback.add(ear, Severity.INFO)
    monitor = VLLMMonitor(host=make_host(config, feedback), config=config, feedback=feedback, recorders=[seen])
    monitor.register_plugin(ticker)
    with monitor:
        yield Bench(monitor, seen, ticker, ear.said, kernel_log)


@contextmanager
def machine(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeNvml]:
    """GPUs that processes started from here see."""
    fake = FakeNvml(scenario, compiled=True)
    try:
        for name, value in fake.environment.items():
            monkeypatch.setenv(name, value)
        yield fake
    finally:
        fake.close()


# --- one fault on each GPU of one machine ---


@attrs.frozen
class Fault:
    """A fault, and what has to come of it."""

    name: str
    inject: Callable[[FakeNvml, int, Path], object]
    health: str
    recovery: str = "none"
    events: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def log(path: Path, gpu: int, message: str) -> None:
    """The kernel says something about a GPU."""
    with path.open("a") as file:
        file.write(f"3,1,1,-;NVRM: Xid (PCI:{address(gpu).removesuffix('.0')}): {message}\n")


def name(gpu: int) -> str:
    """What a GPU is called."""
    return f"nvidia:{gpu}"


def address(gpu: int) -> str:
    """Where a GPU of the test's machine is."""
    return f"0000:{0x10 + gpu:02x}:00.0"


FAULTS = (
    Fault("nothing", lambda fake, gpu, path: None, "healthy"),
    Fault(
        "heats up",
        lambda fake, gpu, path: fake.change(gpu, temperature=95),
        *("degraded", "none", ("temperature.margin",), ("gpu.overheating",)),
    ),
    Fault(
        "is slowed by heat",
        lambda fake, gpu, path: fake.change(gpu, reasons=0x40),
        *("degraded", "none", ("throttle.hw_thermal",), ("gpu.throttled",)),
    ),
    Fault(
        "storm of corrected errors",
        lambda fake, gpu, path: fake.add(gpu, corrected=100_000),
        *("degraded", "none", ("ecc.corrected",), ("gpu.ecc",)),
    ),
    Fault(
        "uncorrected error",
        lambda fake, gpu, path: fake.add(gpu, uncorrected=1),
        *("unhealthy", "reset_device", ("ecc.uncorrected",), ("gpu.ecc",)),
    ),
    Fault(
        "falls off the bus",
        lambda fake, gpu, path: fake.xid(gpu),
        *("unhealthy", "reboot_node", ("xid.79", "gpu.lost"), ("gpu.xid", "gpu.lost")),
    ),
    Fault(
        "is lost without a word",
        lambda fake, gpu, path: fake.change(gpu, lost=True),
        *("unhealthy", "reboot_node", ("gpu.lost",), ("gpu.lost",)),
    ),
    Fault(
        "the driver asks for a reset",
        lambda fake, gpu, path: (fake.change(gpu, recovery=1), fake.xid(gpu, 95)),
        *("unhealthy", "reset_device", ("xid.95", "driver.recovery"), ("gpu.xid", "gpu.recovery")),
    ),
    Fault(
        "link recovers from an error",
        lambda fake, gpu, path: fake.change_link(gpu, 1, recoveries=1),
        *("degraded", "none", ("link.errors",), ("gpu.link",)),
    ),
    Fault(
        "link goes down",
        lambda fake, gpu, path: fake.change_link(gpu, 0, up=False),
        *("unhealthy", "reset_device", ("link.down",), ("gpu.link",)),
    ),
    Fault(
        "rows wait to be remapped",
        lambda fake, gpu, path: fake.change(gpu, rows_pending=True),
        *("degraded", "reset_device", ("rows.pending",), ("gpu.memory_rows",)),
    ),
    Fault(
        "row cannot be remapped",
        lambda fake, gpu, path: fake.change(gpu, rows_failed=True),
        *("unhealthy", "contact_support", ("rows.failed",), ("gpu.memory_rows",)),
    ),
    Fault(
        "narrow PCIe link under load",
        lambda fake, gpu, path: fake.change(gpu, pcie_width=8, utilization=90),
        *("degraded", "none", ("pcie.width",), ("gpu.pcie",)),
    ),
    Fault(
        "a program crashes",
        lambda fake, gpu, path: fake.xid(gpu, 31),
        *("healthy", "none", ("xid.31",), ("gpu.xid",)),
    ),
    Fault(
        "the kernel alone tells of an Xid",
        lambda fake, gpu, path: log(path, gpu, "119, pid=7, name=vllm, Timeout after 6s of waiting for RPC"),
        *("degraded", "none", ("xid.119",), ("gpu.xid",)),
    ),
)
"""The driver of the machine says of itself that nothing has to be done, so an Xid alone is no more than a remark."""


@pytest.mark.slow
def test_every_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All faults at once, each on a GPU of its own."""
    gpus = tuple(Gpu(pci=address(n), links=(Link(), Link())) for n in range(len(FAULTS)))
    with machine(Scenario(gpus=gpus), monkeypatch) as fake, running(tmp_path) as bench:
        seen = bench.seen
        wait_until(lambda: seen.measured >= 2 and all(seen.health(name(n)) == "healthy" for n in range(len(gpus))))
        assert not seen.events
        assert not seen.findings
        before = seen.measured
        for gpu, fault in enumerate(FAULTS):
            fault.inject(fake, gpu, bench.kernel_log)
        wait_until(lambda: not missing(seen))
        assert not missing(seen)
        late = {
            f"{FAULTS[gpu].name}: {code}": at - before
            for gpu in range(len(FAULTS))
            for code, at in seen.events.get(name(gpu), {}).items()
            if at - before > 3  # two, and the one that was going on when the faults were made
        }
        assert not late
        for gpu, fault in enumerate(FAULTS):
            device = name(gpu)
            assert sorted(seen.events.get(device, {})) == sorted(fault.events), fault.name
            assert sorted(seen.open(device)) == sorted(fault.findings), fault.name
            assert seen.judged[device][-1][1].recovery.value == fault.recovery, fault.name
        assert seen.open("nvidia:13")["gpu.xid"].severity is Severity.INFO


def missing(seen: Seen) -> list[str]:
    """What has not shown yet."""
    return [
        f"{fault.name}: {seen.health(name(gpu))}, {seen.events.get(name(gpu))}, {sorted(seen.open(name(gpu)))}"
        for gpu, fault in enumerate(FAULTS)
        if seen.health(name(gpu)) != fault.health
        or not set(fault.events) <= seen.events.get(name(gpu), {}).keys()
        or not set(fault.findings) <= seen.open(name(gpu)).keys()
    ]


# --- faults of the driver ---


@pytest.mark.slow
def test_hanging_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It delays no tick; it is an event, unknown health and a finding, and all is well again when it answers."""
    with machine(Scenario(gpus=(Gpu(), Gpu())), monkeypatch) as fake, running(tmp_path) as bench:
        seen = bench.seen
        wait_until(lambda: seen.measured >= 4 and seen.health("nvidia:1") == "healthy")
        fake.hang("nvmlDeviceGetFieldValues")
        wait_until(lambda: fake.hanging)
        ticks = bench.ticker.ticks
        wait_until(lambda: bench.ticker.ticks >= ticks + 20)
        wait_until(lambda: "gpu.silent" in seen.open("nvidia"))
        wait_until(lambda: seen.health("nvidia:1") == "unknown")
        assert "driver.silent" in seen.events["nvidia"]
        assert not seen.open("nvidia:0")
        fake.release()
        wait_until(lambda: not seen.open("nvidia") and seen.health("nvidia:1") == "healthy")
        hung = [text for text in bench.by_nvidia() if "gave no answer" in text and "vmon_collect" in text]
        assert hung
        assert list(seen.events["nvidia"]) == ["driver.silent"]


def test_old_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that it lacks are normal: what is left is judged, and nothing is bad."""
    lacking = ("nvmlDeviceGetFieldValues", "nvmlDeviceGetMarginTemperature", "nvmlEventSetCreate")
    with machine(Scenario(missing=lacking), monkeypatch) as fake, running(tmp_path) as bench:
        wait_until(lambda: bench.seen.health("nvidia:0") == "healthy")
        fake.change(gpu=0, reasons=0x80, temperature=95)
        wait_until(lambda: {"gpu.throttled", "gpu.overheating"} <= bench.seen.open("nvidia:0").keys())
        assert bench.seen.health("nvidia:0") == "degraded"
        assert [text for text in bench.by_nvidia() if "events" in text] == [
            "NVML gives no events: Function Not Found; events are told by what else there is"
        ]


def test_driver_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU by which nothing can be judged is unknown, which is no finding."""
    mute = dict.fromkeys(
        (
            "nvmlDeviceGetFieldValues",
            "nvmlDeviceGetMarginTemperature",
            "nvmlDeviceGetTemperatureThreshold",
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlDeviceGetCurrentClocksThrottleReasons",
            "nvmlDeviceGetTotalEccErrors",
            "nvmlDeviceGetRemappedRows",
            "nvmlDeviceGetViolationStatus",
            "nvmlDeviceGetPcieReplayCounter",
            "nvmlDeviceGetCurrPcieLinkGeneration",
            "nvmlDeviceGetMaxPcieLinkGeneration",
            "nvmlDeviceGetCurrPcieLinkWidth",
            "nvmlDeviceGetMaxPcieLinkWidth",
        ),
        Error.NOT_SUPPORTED,
    )
    with machine(Scenario(errors=mute), monkeypatch), running(tmp_path) as bench:
        wait_until(lambda: bench.seen.measured >= 3)
        assert bench.seen.health("nvidia:0") == "unknown"
        assert not bench.seen.findings
        assert not bench.seen.events


def test_no_driver(tmp_path: Path) -> None:
    """One clear line, and the monitor goes on."""
    with running(tmp_path) as bench:
        wait_until(bench.by_nvidia)
        ticks = bench.ticker.ticks
        wait_until(lambda: bench.ticker.ticks >= ticks + 50)
        assert len(bench.by_nvidia()) == 1
        assert "libnvidia-ml.so.1" in bench.by_nvidia()[0]
        assert not bench.seen.findings


# --- power, through the gate ---


def is_slowed(checkpoint: Checkpoint) -> bool:
    """Some GPU lowers its clocks."""
    return "gpu.throttled" in checkpoint.findings


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "limit"), [(GateMode.OBSERVE, 700_000), (GateMode.AUTO, 450_000)])
def test_power_limit_passes_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: GateMode, limit: int
) -> None:
    """By default the proposal is noted and nothing is done; with leave, the plugin's process sets the limit."""
    cool = {"gpu": 1, "watts": 450}
    with machine(Scenario(gpus=(Gpu(), Gpu())), monkeypatch) as fake, running(tmp_path, mode) as bench:
        report = bench.monitor.get_lifecycle_report
        bench.monitor.register_guardrail("cool", is_slowed, "nvidia.set_power_limit", cooldown=600.0, parameters=cool)
        wait_until(lambda: bench.seen.measured >= 1)
        fake.change(gpu=1, reasons=0x40)
        verdict: Any = wait_until(lambda: report().actions and report().actions[0].verdict)
        if mode is GateMode.AUTO:
            outcome: Any = wait_until(lambda: report().actions[0].outcome)
            assert outcome.detail == "the power limit of nvidia:1 was set from 700 to 450 W"
        assert ("observe" in verdict.reason) is (mode is GateMode.OBSERVE)
        assert [gpu.power_limit for gpu in fake.scenario.gpus] == [700_000, limit]
