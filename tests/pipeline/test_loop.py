"""The live loop: what it asks of collectors, and how often."""

from __future__ import annotations

from typing import Any

from vmon_core.evidence import ActionTaken
from vmon_core.host.plugin_host import PluginHost
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.monitor import VLLMMonitor
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

    def run_due(self, now: float) -> None:
        """Nothing is due."""

    def next_due(self, now: float) -> float:
        """Nothing ever is."""
        return float("inf")


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
