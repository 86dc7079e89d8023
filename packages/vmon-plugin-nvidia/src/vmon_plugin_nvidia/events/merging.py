"""Make one event of what several sources tell about one Xid, and one of many that come in a storm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import DeviceEvent
from vmon_plugin_nvidia.events.sighting import Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmon_plugin_nvidia.events.catalogue import Catalogue, Xid

BURST_SECONDS = 60.0
"""How long the same Xid of the same GPU is one burst: its first is told at once, the others together at its end.

NVSentinel collapses bursts over three minutes; a minute keeps the counts of our ten minute windows honest.
"""

MOST_BURSTS = 512
"""Bursts that go on at the same time, 16 GPUs with 32 numbers each; the oldest is told and forgotten first."""


@attrs.define
class _Burst:
    """The same Xid of the same GPU, over a while.

    Two sources that see the same three errors tell of three each, so the larger count is the true one.
    """

    first: Sighting
    latest: Sighting
    counts: dict[str, int] = attrs.field(factory=dict)
    told: int = 0

    def add(self, sighting: Sighting) -> None:
        self.counts[sighting.source] = self.counts.get(sighting.source, 0) + sighting.count
        self.latest = max(self.latest, sighting, key=lambda s: s.time)

    @property
    def untold(self) -> int:
        return max(self.counts.values()) - self.told


class Merger:
    """Turns sightings into events.

    Args:
        catalogue: what the numbers mean.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._bursts: dict[tuple[str, int], _Burst] = {}

    def merge(self, sightings: Iterable[Sighting], devices: Mapping[str, str], now: float) -> list[DeviceEvent]:
        """Take in what was seen.

        Args:
            sightings: of all sources since the last time; the one that tells most first.
            devices: the names of devices by their PCI address.
            now: the moment, Unix seconds.

        Returns:
            An event for each Xid that begins, and one for each burst that ends with more than was told.
        """
        events = self._ended(devices, now)
        begun = []
        for sighting in sightings:
            key = (sighting.pci, sighting.code)
            burst = self._bursts.get(key)
            if burst is None:
                burst = self._bursts[key] = _Burst(sighting, sighting)
                begun.append(burst)
            burst.add(sighting)
        events += [self._event(burst, burst.first, devices) for burst in begun]
        while len(self._bursts) > MOST_BURSTS:
            events += self._close(next(iter(self._bursts)), devices)
        return events

    def _ended(self, devices: Mapping[str, str], now: float) -> list[DeviceEvent]:
        over = [key for key, burst in self._bursts.items() if now - burst.first.time >= BURST_SECONDS]
        return [event for key in over for event in self._close(key, devices)]

    def _close(self, key: tuple[str, int], devices: Mapping[str, str]) -> list[DeviceEvent]:
        burst = self._bursts.pop(key)
        return [self._event(burst, burst.latest, devices)] if burst.untold else []

    def _event(self, burst: _Burst, sighting: Sighting, devices: Mapping[str, str]) -> DeviceEvent:
        xid, count = self._catalogue.find(sighting.code), burst.untold
        burst.told += count
        return DeviceEvent(
            time=sighting.time,
            summary=_summary(xid, sighting, known=sighting.pci in devices),
            device=devices.get(sighting.pci, ""),
            code=f"xid.{sighting.code}",
            recovery=xid.recovery,
            count=count,
            pid=sighting.pid,
        )


def _summary(xid: Xid, sighting: Sighting, *, known: bool) -> str:
    where = "" if known else f" of {sighting.pci or 'an unknown GPU'}"
    who = f", process {sighting.pid}" if sighting.pid is not None else ""
    return f"Xid {xid.code}{where} ({xid.name}{who}): {xid.text}"
