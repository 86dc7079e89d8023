"""The live loop: what it asks of collectors, and how often."""

from __future__ import annotations

import threading
from typing import Any

from vmon_core.evidence import ActionTaken
from vmon_core.host.plugin_host import PluginHost
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.monitor import VLLMMonitor
from vmon_core.plugin import PluginInfo, every, hookimpl
from vmon_core.records import Frame, Target


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Counting:
    """A scheduler that counts how often it is urged."""

    urged = 0

    def urge(self) -> None:
        """Count it."""
        self.urged += 1


def test_suspect_server_is_not_flooded() -> None:
    """However many frames arrive, collectors are urged once a second at most."""
    clock = Clock()
    monitor = VLLMMonitor(Target(name="t"), host=PluginHost(), clock=clock)
    scheduler: Any = Counting()
    monitor.loop.scheduler = scheduler
    monitor.observe(ActionTaken(time=100.0, action="SIGTERM"))
    assert monitor.tracker.state is LifecycleState.STOPPING
    for step in range(100):
        clock.now = 100.0 + step * 0.03
        monitor.loop.put(Frame(clock.now))
        monitor.loop.turn()
    assert scheduler.urged == 3


class Holding:
    """A plugin whose analysis holds the pipeline up until its own collector was called three times more."""

    def __init__(self) -> None:
        self.holds, self.goes_on = threading.Event(), threading.Event()
        self.collected = 0

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="holding", version="1.0")

    @hookimpl
    @every("5ms")
    def vmon_collect(self) -> None:
        """Count the calls in which the pipeline is held up."""
        self.collected += self.holds.is_set()
        if self.collected >= 3:
            self.goes_on.set()

    @hookimpl
    def vmon_analyze(self) -> None:
        """Hold it up."""
        self.holds.set()
        self.goes_on.wait(1.5)  # less than after what the pipeline goes on without it


def test_collectors_do_not_wait_for_the_pipeline() -> None:
    """Whatever an analyzer does, they are started when they are due."""
    plugin, host = Holding(), PluginHost()
    host.register(plugin)
    with VLLMMonitor(Target(name="t"), host=host):
        assert plugin.holds.wait(10.0)
        assert plugin.goes_on.wait(10.0)
    assert host.plugins[0].of("vmon_analyze")[0].health.failures == 0
