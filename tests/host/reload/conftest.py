"""Monitors that run, with plugins in files that can be written anew."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from vmon_core.config import Config
from vmon_core.config.model import MonitorConfig, PluginsConfig
from vmon_core.feedback import CallbackHandler, Feedback, Message
from vmon_core.host.plugin_host import PluginHost
from vmon_core.monitor import VLLMMonitor
from vmon_core.pipeline.recorder import Recorder
from vmon_core.records import Frame, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNTER = """
    from vmon_core.plugin import Capability, PluginInfo, every, hookimpl
    from vmon_core.records import Sample

    class Counter:
        def __init__(self):
            self.count = 0

        @hookimpl
        def vmon_plugin_info(self):
            return PluginInfo(name="counter", version="{version}", provides=(Capability("count", "{provides}"),))

        @hookimpl
        @every("{interval}")
        def vmon_collect(self, tick):
            self.count += 1
            return [Sample("count", float(self.count), tick.time)]

        @hookimpl
        def vmon_state(self):
            return {{"count": self.count}}

        @hookimpl
        def vmon_restore(self, state):
            self.count = state["count"]

    plugin = Counter()
"""


def counter(version: str = "1.0", *, provides: str = "1.0", interval: str = "1ms") -> str:
    """The source of a plugin that counts its calls and hands its count over."""
    return textwrap.dedent(COUNTER).format(version=version, provides=provides, interval=interval)


class Frames(Recorder):
    """Keeps every frame."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def add_frame(self, target: str, frame: Frame) -> None:
        """Keep it."""
        self.frames.append(frame)

    def values(self, name: str) -> list[float]:
        """The values of one series in the order in which they came."""
        return [sample.value for frame in self.frames for sample in frame.samples if sample.name == name]


@attrs.define
class Bench:
    """A monitor that runs with the plugins of a folder."""

    folder: Path
    monitor: VLLMMonitor
    frames: Frames
    messages: list[Message]

    def write(self, name: str, source: str) -> Path:
        """Write the file of a plugin."""
        path = self.folder / f"{name}.py"
        path.write_text(source)
        return path

    def version(self, name: str) -> str:
        """The version that is in use, "" when none is."""
        return next((p.info.version for p in self.monitor.plugin_manager.plugins if p.info.name == name), "")

    def texts(self) -> str:
        """Everything that was said."""
        self.monitor.feedback.flush()
        return "\n".join(message.text for message in self.messages)


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Starts a monitor with the plugins whose sources are given by name."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    running: list[VLLMMonitor] = []

    def make(*, watch: bool = False, **sources: str) -> Bench:
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source))
        plugins = PluginsConfig(folders=(folder,))
        config = Config(monitor=MonitorConfig(data_dir=tmp_path / "data"), plugins=plugins)
        messages: list[Any] = []
        feedback = Feedback()
        feedback.add(CallbackHandler(messages.append), Severity.DEBUG)
        host = PluginHost(feedback.say, plugins)
        host.load()
        frames = Frames()
        monitor = VLLMMonitor(host=host, config=config, feedback=feedback, recorders=[frames])
        if not watch:
            monitor._folders._folders = ()
        monitor.start()
        running.append(monitor)
        return Bench(folder.resolve(), monitor, frames, messages)

    yield make
    for monitor in running:
        monitor.stop()
        for plugin in monitor.plugin_manager.plugins:
            monitor.plugin_manager.unregister(plugin.info.name)
