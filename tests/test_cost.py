"""What plugins cost, as metrics of vmon itself."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from vmon_core.config import Config
from vmon_core.cost import METRICS, CostPlugin, top
from vmon_core.host.plugin_host import PluginHost
from vmon_core.monitor import VLLMMonitor, make_host
from vmon_core.monitor_methods import METHODS
from vmon_core.plugin import PluginInfo, every, hookimpl
from vmon_core.records import Target, Tick
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Change, Sample


class Subject:
    """A plugin whose transitions fail and whose collector hangs."""

    def __init__(self) -> None:
        self.release = threading.Event()

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="subject", version="1.0")

    @hookimpl
    def vmon_lifecycle(self, change: Change) -> None:
        """Fail."""
        raise ValueError

    @hookimpl
    @every("10ms", timeout="20ms")
    def vmon_collect(self) -> None:
        """Hang."""
        self.release.wait(30)


@pytest.fixture
def subject() -> Iterator[Subject]:
    """Let go after the test."""
    made = Subject()
    yield made
    made.release.set()


def samples(host: PluginHost) -> dict[tuple[str, str], Sample]:
    """What is counted now, by name and labels."""
    found = CostPlugin(host).vmon_collect(Tick(1.0, Target(name="t")))
    return {(s.name, " ".join(f"{k}={v}" for k, v in s.labels)): s for s in found}


def test_nobody_called_costs_no_series() -> None:
    """Only what was dropped is always told."""
    host = PluginHost()
    host.register(Subject())
    assert list(samples(host)) == [("vmon.frames.dropped", "")]


def test_failures_are_counted() -> None:
    """For each plugin and hook, until it is quarantined."""
    host = PluginHost()
    host.register(Subject())
    for _ in range(3):
        host.hooks.lifecycle(None)  # type: ignore[arg-type]  # whatever it is
    found = samples(host)
    where = "hook=vmon_lifecycle plugin=subject"
    values = {name: found[f"vmon.plugin.{name}", where].value for name in ("calls", "failures", "stuck", "quarantined")}
    assert values == {"calls": 3, "failures": 3, "stuck": 0, "quarantined": 1}
    assert found["vmon.plugin.seconds", where].value > 0
    assert found["vmon.plugin.calls", where].counter
    assert len(found) == 7


def test_stuck_thread_is_told_by_name(subject: Subject) -> None:
    """While it hangs, and no longer; a thread of that name really exists."""
    monitor = VLLMMonitor()
    monitor.register_plugin(subject)
    with monitor:
        wait_until(lambda: ("vmon.threads.stuck", "thread=vmon-subject") in samples(monitor.plugin_manager))
        assert "vmon-subject" in {thread.name for thread in threading.enumerate()}
        assert samples(monitor.plugin_manager)["vmon.plugin.stuck", "hook=vmon_collect plugin=subject"].value == 1
        subject.release.set()
        wait_until(lambda: ("vmon.threads.stuck", "thread=vmon-subject") not in samples(monitor.plugin_manager))


def test_samples_flow_as_all_others() -> None:
    """A monitor with the built-in plugins has them in its window, with what its loop dropped."""
    monitor = VLLMMonitor(host=make_host(Config()))
    monitor.loop.dropped = 7
    with monitor:
        wait_until(lambda: monitor.pipeline.window.latest("vmon.frames.dropped") == 7)


def test_every_metric_is_declared() -> None:
    """What is counted is in the reference, and the other way round: names are not made up elsewhere."""
    assert {m.name for m in METRICS} == {
        *(f"vmon.plugin.{n}" for n in ("calls", "failures", "seconds", "worst_seconds", "stuck", "quarantined")),
        "vmon.plugin.restarts",
        "vmon.threads.stuck",
        "vmon.frames.dropped",
    }


def test_running_monitor_tells() -> None:
    """The method of the control socket gives plain data of each plugin and hook."""
    monitor = VLLMMonitor()
    monitor.register_plugin(Subject())
    monitor.plugin_manager.hooks.lifecycle(None)  # type: ignore[arg-type]  # whatever it is
    (plugin,) = METHODS["plugins.top"](monitor)["plugins"]
    assert (plugin["name"], plugin["isolation"]) == ("subject", "thread")
    assert plugin["hooks"]["vmon_lifecycle"]["failures"] == 1
    assert top(monitor.plugin_manager)["started"] <= time.time()
