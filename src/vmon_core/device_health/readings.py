"""What is remembered of one device: its latest figures, how much its counters grew of late, and what happened to it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from vmon_core.evidence import DeviceEvent, Recovery
from vmon_core.records import Labels

if TYPE_CHECKING:
    from collections.abc import Iterator

FRESH_SECONDS = 60.0
"""How long a figure counts after it was read: four times as long as slow ones are apart by default."""

MISSED = 3.0
"""Readings in a row that have to be missing of a figure that is read more rarely."""

WINDOW_MINUTES = 10
"""How far back growth is remembered: the span over which gpud judges the rate of hardware slowdowns."""

EVENT_SECONDS = 3 * 86400.0
"""How long an event counts that nothing has cured; gpud looks back three days for Xids."""

KEPT_EVENTS = 64
"""The most codes of events remembered of one device; the oldest is forgotten first."""

COUNTED = frozenset({"gpu.throttle.time", "gpu.pcie.replays", "gpu.link.errors", "gpu.ecc.errors"})
"""The counters whose growth is judged."""

MARKED = "gpu.throttled"
"""A gauge whose ones are counted by the minute, too."""

RESET_SIGN = "gpu.energy"
"""A counter that begins anew when a device is reset or its driver loaded; it is never reset otherwise."""

JUDGED = COUNTED | {
    MARKED,
    "gpu.utilization",
    "gpu.temperature.margin",
    "gpu.pcie.generation",
    "gpu.pcie.generation.max",
    "gpu.pcie.width",
    "gpu.pcie.width.max",
    "gpu.link.up",
    "gpu.rows.pending",
    "gpu.rows.failed",
    "gpu.pages.retired",
    "gpu.fabric.state",
}
"""The metrics by which health is judged; others are not kept."""

NEUTRAL = frozenset({"gpu.utilization", "gpu.pcie.generation.max", "gpu.pcie.width.max", "gpu.fabric.state"})
"""Those that are judged together with others only, or that most devices answer with "not supported"."""


@attrs.define
class Series:
    """One figure: its last two values and how far they are apart, its highest one, and its growth by the minute."""

    value: float
    time: float
    before: float | None = None
    pace: float = 0.0
    highest: float = 0.0
    _grown: deque[tuple[int, float]] = attrs.field(factory=lambda: deque(maxlen=WINDOW_MINUTES + 1))

    def take(self, value: float, time: float) -> None:
        """Take in the next value."""
        self.before, self.pace = self.value, time - self.time
        self.value, self.time = value, time
        self.highest = max(self.highest, value)

    def forget(self) -> None:
        """Keep the value only."""
        self.before, self.highest = None, self.value
        self._grown.clear()

    def grow(self, by: float) -> None:
        """Note growth, in the minute of the latest value."""
        minute = int(self.time // 60)
        if self._grown and self._grown[-1][0] == minute:
            by += self._grown.pop()[1]
        self._grown.append((minute, by))

    def grown(self, now: float, minutes: int = WINDOW_MINUTES) -> float:
        """How much it grew in this minute and the `minutes` - 1 before it."""
        first = int(now // 60) - minutes
        return sum(by for minute, by in self._grown if minute > first)

    def active(self, now: float) -> frozenset[int]:
        """The minutes of the window in which it grew."""
        first = int(now // 60) - WINDOW_MINUTES
        return frozenset(minute for minute, by in self._grown if minute > first and by > 0)

    @property
    def has_grown(self) -> bool:
        """Whether it ever grew while it was looked at; for most counters of errors that is all there is to know."""
        return bool(self._grown)

    @property
    def lasting(self) -> float:
        """The value in both of the last two readings, whichever is higher; a single reading may be a slip."""
        return max(self.value, self.value if self.before is None else self.before)


@attrs.define
class Noted:
    """An event that is remembered: the latest with its code, and how often it came."""

    event: DeviceEvent
    count: int


@attrs.define
class Readings:
    """What is remembered of one device.

    Attributes:
        device: its name for people: `nvidia:3`.
        model: the product's name; devices are compared within a model only.
        now: the moment of the newest reading, Unix seconds.
        lost: the driver knows it and cannot reach it.
        recovery: what the driver itself says would help; None where it does not say.
    """

    device: str
    model: str = ""
    now: float = 0.0
    lost: bool = False
    recovery: Recovery | None = None
    _series: dict[str, dict[Labels, Series]] = attrs.field(factory=dict)
    _events: dict[str, Noted] = attrs.field(factory=dict)
    _energy: float = 0.0
    _growing: set[str] = attrs.field(factory=set)
    _links: tuple[float, int | None] = (0.0, None)

    def take(self, name: str, value: float, time: float, labels: Labels = ()) -> None:
        """Take in one figure.

        Args:
            name: the canonical metric; one that is not judged is passed over.
            value: in the metric's unit.
            time: when it was read, Unix seconds.
            labels: those that the metric has beside `kind` and `gpu`, sorted.
        """
        if name == RESET_SIGN:
            self._look_for_reset(value)
        if name not in JUDGED:
            return
        family = self._series.setdefault(name, {})
        series = family.get(labels)
        if series is None:
            series = family[labels] = Series(value, time, highest=value)
        else:
            series.take(value, time)
            if name in COUNTED and value != series.before:
                series.grow(value - (series.before or 0.0) if value >= (series.before or 0.0) else value)
                self._growing.add(name)
        if name == MARKED and value:
            series.grow(1.0)
            self._growing.add(name)

    def note(self, event: DeviceEvent) -> None:
        """Take in what happened."""
        known = self._events.pop(event.code, None)
        if known is None and len(self._events) >= KEPT_EVENTS:
            del self._events[next(iter(self._events))]
        self._events[event.code] = Noted(event, event.count + (known.count if known else 0))

    def _look_for_reset(self, energy: float) -> None:
        """A reset cures what a reset can cure: all that happened before it is forgotten but for what needs a person."""
        if energy < self._energy:
            for family in self._series.values():
                for series in family.values():
                    series.forget()
            self._events = {
                code: noted for code, noted in self._events.items() if noted.event.recovery is Recovery.CONTACT_SUPPORT
            }
        self._energy = energy

    def each(self, name: str) -> Iterator[tuple[Labels, Series]]:
        """The fresh series of a metric with their labels."""
        now = self.now
        for labels, series in self._series.get(name, {}).items():
            age = now - series.time
            if age <= FRESH_SECONDS or age <= MISSED * series.pace:
                yield labels, series

    def grown(self, name: str) -> Iterator[tuple[Labels, Series]]:
        """Those of the fresh series that ever grew while they were looked at: few, of counters of errors."""
        if name in self._growing:
            yield from (each for each in self.each(name) if each[1].has_grown)

    @property
    def links_up(self) -> int | None:
        """How many of its links are up, None where it does not tell; counted once for all its peers."""
        if self._links[0] != self.now:
            up = [series.value for _, series in self.each("gpu.link.up")]
            self._links = self.now, sum(map(bool, up)) if up else None
        return self._links[1]

    def one(self, name: str) -> Series | None:
        """The series of a metric without labels; None when it is not fresh or never was told."""
        return next((series for _, series in self.each(name)), None)

    def events(self) -> Iterator[Noted]:
        """What happened and still counts, the latest last."""
        return (noted for noted in self._events.values() if self.now - noted.event.time <= EVENT_SECONDS)

    @property
    def tells(self) -> bool:
        """Whether anything is fresh by which it can be judged."""
        return any(self.one(name) for name in self._series if name not in NEUTRAL)
