"""Numbers from recorded frames: the latest of each series, and a series over time in few points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmon_core.records import Frame, Labels, Sample

_Key = tuple[str, "Labels"]


def latest(frames: Iterable[Frame], prefix: str) -> list[Sample]:
    """The newest sample of each series whose name begins with `prefix`, sorted by name and labels."""
    found: dict[_Key, Sample] = {}
    for frame in frames:
        found.update({(s.name, s.labels): s for s in frame.samples if s.name.startswith(prefix)})
    return [found[key] for key in sorted(found)]


@attrs.define
class Bucket:
    """What a series did in one stretch of time.

    Attributes:
        time: when the stretch began, Unix seconds.
        last, least, most, total: of the values in it.
        count: how many there were.
    """

    time: float
    last: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")
    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        """Take in the next value."""
        self.last = value
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.total += value
        self.count += 1

    def point(self) -> dict[str, float]:
        """The stretch as plain data."""
        return {
            "t": self.time,
            "last": self.last,
            "min": self.least,
            "max": self.most,
            "mean": self.total / self.count,
        }


def history(
    frames: Iterable[Frame], name: str, labels: Mapping[str, str], width: float
) -> dict[_Key, dict[int, Bucket]]:
    """The series of one name, in stretches of equal length.

    Args:
        frames: oldest first.
        name: the metric.
        labels: only series that have these.
        width: seconds of one stretch.

    Returns:
        The stretches that hold values, by number, for each series.
    """
    found: dict[_Key, dict[int, Bucket]] = {}
    for sample in _chosen(frames, name, labels):
        number = int(sample.time // width)
        buckets = found.setdefault((sample.name, sample.labels), {})
        buckets.setdefault(number, Bucket(number * width)).add(sample.value)
    return found


def _chosen(frames: Iterable[Frame], name: str, labels: Mapping[str, str]) -> Iterable[Sample]:
    wanted = set(labels.items())
    return (s for frame in frames for s in frame.samples if s.name == name and wanted <= set(s.labels))


def described(sample: Sample) -> dict[str, Any]:
    """A sample as plain data."""
    return {
        "name": sample.name,
        "labels": dict(sample.labels),
        "value": sample.value,
        "unit": sample.unit,
        "t": sample.time,
        "counter": sample.counter,
    }
