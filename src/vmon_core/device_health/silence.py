"""Notice when a vendor's plugin tells nothing of its devices any more, as when the driver hangs under it."""

from __future__ import annotations

import itertools
from statistics import median
from typing import TYPE_CHECKING

from vmon_core.evidence import DeviceEvent, DeviceJudged, Health, Recovery

if TYPE_CHECKING:
    from vmon_core.evidence import Evidence
    from vmon_core.pipeline.window import Point, Window

MISSED = 3.0
"""Collections that have to be missing before a driver counts as silent: the deadline of NVSentinel's probe watchdog."""

SHORTEST_SILENCE = 3.0
"""Seconds of silence that are never worth a word."""

LATEST = 8
"""Looks by which the pace is measured."""

FEWEST_GAPS = 2
"""Gaps between looks without which no pace is known."""

UNKNOWN_PACE = 20.0
"""Seconds between two looks that are assumed meanwhile: more than any plugin of ours waits by default."""


def silence(window: Window, kind: str) -> float | None:
    """How long nothing was told of devices that were told of before.

    Args:
        window: the recent past.
        kind: the vendor's short name, as in `Device.kind`.

    Returns:
        Seconds, when it is longer than the plugin's own pace explains; else None.
    """
    told = [
        points
        for labels in window.label_sets("gpu.health")
        if ("kind", kind) in labels and (points := window.points("gpu.health", labels))
    ]
    if not told:
        return None
    newest = max(told, key=lambda points: points[-1].time)
    quiet = window.now - newest[-1].time
    return quiet if quiet > max(SHORTEST_SILENCE, MISSED * _pace(newest)) else None


def _pace(points: tuple[Point, ...]) -> float:
    """The usual time between two looks; the median, since an earlier silence is a gap, too."""
    times = [point.time for point in points[-LATEST:]]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    return median(gaps) if len(gaps) >= FEWEST_GAPS else UNKNOWN_PACE


class SilenceWatch:
    """Says once for each silence that how the devices are is not known any more.

    Args:
        kind: the vendor's short name.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._silent = False

    def look(self, window: Window) -> list[Evidence]:
        """What to tell now: an event when a silence begins, and with it that each device's health is unknown."""
        quiet = silence(window, self._kind)
        began, self._silent = quiet is not None and not self._silent, quiet is not None
        if not began:
            return []
        reason = f"nothing is heard of it for {quiet:.0f} s"
        ours = [name for name in window.facts.devices if name.startswith(f"{self._kind}:")]
        event = DeviceEvent(
            time=window.now,
            summary=f"nothing is heard of {self._kind} devices for {quiet:.0f} s",
            device=self._kind,
            code="driver.silent",
            recovery=Recovery.UNKNOWN,
        )
        return [event, *(_unknown(name, reason, window.now) for name in ours)]


def _unknown(device: str, reason: str, now: float) -> DeviceJudged:
    return DeviceJudged(
        time=now,
        summary=f"{device} is {Health.UNKNOWN}",
        device=device,
        health=Health.UNKNOWN,
        reasons=(reason,),
        codes=("driver.silent",),
        recovery=Recovery.UNKNOWN,
    )
