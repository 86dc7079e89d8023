"""A monitor with a collector at 20 Hz beside a plugin in a child process, whose faults are injected for real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.config import Config
from vmon_core.config.model import MonitorConfig
from vmon_core.host.child.contract import Order
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.plugin_host import PluginHost
from vmon_core.host.resolution.records import Candidate
from vmon_core.monitor import VLLMMonitor
from vmon_core.plugin import PluginInfo, every, hookimpl
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_core.records import Severity, Tick


def runs(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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


class Bench:
    """The monitor, its ticker, the plugin under test, and what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.ticker = Ticker()
        self.order = Order(candidate=Candidate(name="faulty", value="faulty:plugin"), table={"folder": str(folder)})
        self.plugin = ChildPlugin(self.order, self.say)
        config = Config(monitor=MonitorConfig(data_dir=folder))
        self.monitor = VLLMMonitor(host=PluginHost(self.say), config=config)
        self.monitor.feedback.say = self.say  # type: ignore[method-assign]  # and what plugins say
        self.loaded = self.monitor.plugin_manager.register(self.plugin)
        self.monitor.register_plugin(self.ticker)

    def say(self, level: Severity, source: str, text: str, **context: Any) -> None:
        """Keep it."""
        self.said.append(f"{source}: {text}")

    def inject(self, where: str, fault: str) -> None:
        """Let the plugin fail at its next call of a hook."""
        partial = self.folder / f".{where}"
        partial.write_text(fault)
        partial.rename(self.folder / where)

    @property
    def pid(self) -> int:
        """The child's process id."""
        pid = self.plugin.describe()["pid"]
        assert pid is not None
        return int(pid)

    def alive(self) -> bool:
        """Whether a sample of the process that runs now has arrived."""
        pid = self.plugin.describe()["pid"]
        return pid is not None and self.monitor.pipeline.window.latest("faulty.pid") == pid

    def end_of(self, where: str, fault: str) -> str:
        """Inject a fault, see the ticker go on through it and the process come back, and say how the old one ended."""
        wait_until(self.alive)
        old, before = self.pid, self.ticker.ticks
        self.inject(where, fault)
        wait_until(lambda: not runs(old))
        wait_until(lambda: self.ticker.ticks > before + 5)
        wait_until(lambda: self.plugin.describe()["pid"] not in (None, old) and self.alive())
        return str(self.plugin.describe()["last_exit"])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A monitor that runs with the faulty plugin in a child process."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    made = Bench(tmp_path)
    with made.monitor:
        yield made
    made.plugin.close()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Order]:
    """Makes an importable module of some code, and the order to run it as a plugin."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(code: str, **options: Any) -> Order:
        (tmp_path / "made.py").write_text(code)
        return Order(candidate=Candidate(name="made", value="made:plugin"), **options)

    return make
