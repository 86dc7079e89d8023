"""What a child process costs: a call through it against a direct call, and its memory.

Run: python benchmarks/isolation.py
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmon_core.host.child.contract import Order
from vmon_core.host.child.plugin import ChildPlugin
from vmon_core.host.resolution.records import Candidate
from vmon_core.lifecycle.facts import Facts
from vmon_core.pipeline.window import Window
from vmon_core.plugin import PluginInfo, hookimpl
from vmon_core.records import Finding, Frame, Sample, Target, Tick

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, SERIES = 300, 200
TARGET = Target(name="benchmark")


class Plugin:
    """Collects as many samples as a server has series, and analyzes nothing."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="benchmark", version="1.0")

    @hookimpl
    def vmon_collect(self, tick: Tick) -> list[Sample]:
        """Give one sample, or many when it is urgent."""
        return [Sample(f"series.{n}", 1.0, tick.time) for n in range(SERIES if tick.urgent else 1)]

    @hookimpl
    def vmon_analyze(self, window: Window) -> list[Finding]:
        """Find nothing of concern."""
        assert window.now
        return []


plugin = Plugin()


def microseconds(call: Callable[[], object]) -> float:
    """The median time of a call."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


class Analysis:
    """A window that gets a frame before each analysis, as in a monitor."""

    def __init__(self, analyze: Callable[[Window], Any]) -> None:
        self._window = Window(TARGET, Facts())
        self._analyze = analyze
        self._now = 0.0

    def __call__(self) -> None:
        """One second passes."""
        self._now += 1
        samples = tuple(Sample(f"series.{n}", self._now, self._now) for n in range(SERIES))
        self._window.add(Frame(self._now, samples=samples))
        self._analyze(self._window)


def main() -> None:
    """Print both, their ratio, and the memory of a child."""
    import psutil  # noqa: PLC0415 (the child imports this module too, and its memory is measured)

    sys.path.insert(0, str(Path(__file__).parent))
    start = time.perf_counter()
    child: Any = ChildPlugin(Order(candidate=Candidate(name="benchmark", value="isolation:plugin")))
    took = time.perf_counter() - start
    print(f"{'':32} direct      child   ratio")
    for name, tick in (("one sample", Tick(1.0, TARGET)), (f"{SERIES} samples", Tick(1.0, TARGET, urgent=True))):
        compare(f"collect {name}", lambda t=tick: plugin.vmon_collect(t), lambda t=tick: list(child.vmon_collect(t)))
    compare(f"analyze, {SERIES} new points", Analysis(plugin.vmon_analyze), Analysis(child.vmon_analyze))
    memory = psutil.Process(child.describe()["pid"]).memory_full_info()
    print(f"start {took * 1e3:.0f} ms, memory {memory.rss / 1e6:.1f} MB resident, {memory.uss / 1e6:.1f} MB its own")
    child.close()


def compare(name: str, direct: Callable[[], object], child: Callable[[], object]) -> None:
    """Print one line."""
    one, other = microseconds(direct), microseconds(child)
    print(f"{name:<28} {one:7.1f} us {other:7.0f} us {other / one:7.0f}")


if __name__ == "__main__":
    main()
