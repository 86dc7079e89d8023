"""Engines, and monitors with a sandbox, for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core import Target, VLLMMonitor
from vmon_core.config import Config, MonitorConfig
from vmon_core.config.model import PluginsConfig
from vmon_core.dynamic import CodeRejectedError
from vmon_core.host.plugin_host import PluginHost
from vmon_core.journal import Journal
from vmon_core.records import Frame, Sample
from vmon_plugin_sandbox.engine import Engine
from vmon_plugin_sandbox.plugin import SandboxPlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vmon_core.dynamic import Problem
    from vmon_plugin_sandbox.desk import Desk


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that tests share: each of its runs is alone."""
    made = Engine()
    yield made
    made.close()


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Tell it."""
        return self.now


class Bench:
    """A monitor that does not run by itself: each `turn` is one second of it."""

    def __init__(self, folder: Path, table: dict[str, Any], *, journal: bool = True) -> None:
        self.clock = Clock()
        config = Config(monitor=MonitorConfig(data_dir=folder), plugins=PluginsConfig(tables={"sandbox": table}))
        self.said: list[str] = []
        self.plugin = SandboxPlugin()
        host = PluginHost(lambda level, source, text, **context: self.said.append(text), config.plugins)
        host.register(self.plugin)
        self.journal = Journal(folder / "journal.db") if journal else None
        recorders = [self.journal] if self.journal is not None else []
        self.monitor = VLLMMonitor(Target(name="t"), host=host, config=config, recorders=recorders, clock=self.clock)
        self.monitor.feedback.say = self._say  # type: ignore[method-assign, assignment]  # a fake
        host.start(self.monitor._host_api)
        host.code.open()
        self.manager = host
        desk = self.plugin._desk
        assert desk is not None
        self.desk: Desk = desk
        desk._clock = self.clock

    def _say(self, level: object, source: str, text: str, **context: object) -> None:
        self.said.append(text)

    def turn(self, **metrics: float) -> None:
        """One second: the pipeline judges, the sandbox sweeps, and its samples come in."""
        self.clock.now += 1.0
        now = self.clock.now
        samples = tuple(Sample(name.replace("__", "."), value, now) for name, value in metrics.items())
        self.monitor.pipeline.advance(Frame(now, samples=samples))
        found = tuple(self.desk.sweep())
        if found:
            self.monitor.pipeline.advance(Frame(now, samples=found))

    @property
    def metrics(self) -> dict[str, float]:
        """The latest values."""
        return self.monitor.pipeline.window.flat()

    @property
    def proposed(self) -> list[str]:
        """The kinds of actions that were proposed."""
        return [report.action.kind for report in self.monitor.get_lifecycle_report().actions]

    @property
    def findings(self) -> list[str]:
        """The codes of open findings."""
        return list(self.monitor.pipeline.findings.codes)

    def refused(self, name: str, kind: str, code: str, **options: Any) -> tuple[Problem, ...]:
        """What is wrong with a plugin that is refused."""
        with pytest.raises(CodeRejectedError) as caught:
            self.manager.create_plugin(name, kind, code, **options)
        return caught.value.problems

    def status(self, name: str) -> dict[str, Any]:
        """How a plugin fares."""
        return dict(next(each for each in self.manager.code_plugins() if each["name"] == name))

    def close(self) -> None:
        """End it."""
        self.manager.stop()
        if self.journal is not None:
            self.journal.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Makes monitors on one journal."""
    made: list[Bench] = []

    def bench(**table: Any) -> Bench:
        made.append(Bench(tmp_path, table))
        return made[-1]

    yield bench
    for each in made:
        each.close()


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    """One of them."""
    return make()
