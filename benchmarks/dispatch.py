"""What isolation costs: our dispatch against plain pluggy, at 1, 10 and 100 plugins.

The implementations do about as little as a real one can: make one line of text of what they are told.

Run: python benchmarks/dispatch.py
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import pluggy

from vmon_core.hookspecs import SPECS
from vmon_core.host.plugin_host import PluginHost
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.plugin import PROJECT, PluginInfo, hookimpl
from vmon_core.records import Change

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS, CALLS = 15, 400
CHANGE = Change(
    time=0.0,
    origin=LifecycleState.IDLE,
    state=LifecycleState.SERVING,
    transition=StateTransition.LOAD,
    reason="counters advance",
)


class Plugin:
    """Listens to transitions and makes one line of text of each, as a logging plugin does."""

    def __init__(self, number: int) -> None:
        self._number = number

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name=f"plugin-{self._number}", version="1.0")

    @hookimpl
    def vmon_lifecycle(self, change: Change) -> None:
        """Make the line."""
        self._line = f"{change.time:.3f} {change.origin} -> {change.state}: {change.reason}"


def microseconds(*calls: Callable[[], object]) -> list[float]:
    """The median time of one call of each; they take turns, so that what slows the machine slows all of them."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            taken.append(_one_round(call))
    return [statistics.median(taken) * 1e6 for taken in times]


def _one_round(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS


def compare(count: int) -> list[float]:
    """The times of one call, through plain pluggy and isolated, with so many plugins."""
    plain, host = pluggy.PluginManager(PROJECT), PluginHost()
    for spec in SPECS:
        plain.add_hookspecs(spec)
    for number in range(count):
        plain.register(Plugin(number))
        host.register(Plugin(number))
    return microseconds(
        lambda: plain.hook.vmon_lifecycle(change=CHANGE),
        lambda: host.hooks.lifecycle(CHANGE),
    )


def main() -> None:
    """Print both and their ratio."""
    print("plugins   plain pluggy      isolated     ratio (goal <= 1.2)")
    for count in (1, 10, 100):
        plain, isolated = compare(count)
        print(f"{count:7} {plain:11.2f} us {isolated:11.2f} us {isolated / plain:9.2f}")


if __name__ == "__main__":
    main()
