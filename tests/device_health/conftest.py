"""Devices whose figures are given by hand, a tick a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.device_health import DeviceState, HealthWatch
from vmon_core.evidence import DeviceEvent, DeviceJudged, Evidence
from vmon_core.records import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

START = 6000.0


@attrs.define
class Bench:
    """A watch over made-up devices, and everything that it told."""

    watch: HealthWatch = attrs.field(factory=lambda: HealthWatch("nvidia"))
    now: float = START
    models: dict[str, str] = attrs.field(factory=lambda: {"0": "H100"})
    told: list[Evidence | Sample] = attrs.field(factory=list)

    def tick(
        self,
        figures: dict[str, float],
        *,
        gpu: str = "0",
        seconds: float = 1.0,
        events: Iterable[DeviceEvent] = (),
        **state: object,
    ) -> None:
        """Give one device figures, as `name` or `name{label=value,…}`, and let time pass; the others tell nothing."""
        self.now += seconds
        samples = [_sample(key, value, gpu, self.now) for key, value in figures.items()]
        states = [DeviceState(label, model, **(state if label == gpu else {})) for label, model in self.models.items()]  # type: ignore[arg-type]
        self.told = self.watch.look(self.now, states, samples, events)

    @property
    def events(self) -> list[str]:
        """The codes of the events of the latest tick."""
        return [item.code for item in self.told if isinstance(item, DeviceEvent)]

    @property
    def judged(self) -> list[DeviceJudged]:
        """The judgements that the latest tick told."""
        return [item for item in self.told if isinstance(item, DeviceJudged)]

    def samples(self, name: str) -> list[Sample]:
        """The samples of one metric of the latest tick."""
        return [item for item in self.told if isinstance(item, Sample) and item.name == name]

    def verdict(self, gpu: str = "0") -> tuple[str, tuple[str, ...], str]:
        """How a device is: health, codes, recovery."""
        judgement = self.watch.judgement(gpu)
        assert judgement is not None
        return judgement.health.value, judgement.codes, judgement.recovery.value


def _sample(key: str, value: float, gpu: str, now: float) -> Sample:
    name, _, rest = key.rstrip("}").partition("{")
    told = [tuple(pair.split("=")) for pair in rest.split(",") if pair]
    labels = tuple(sorted([("gpu", gpu), ("kind", "nvidia"), *((k, v) for k, v in told)]))
    return Sample(name, value, now, labels)


@pytest.fixture
def bench() -> Bench:
    """One device that nobody has looked at."""
    return Bench()


@pytest.fixture
def xid() -> Callable[..., DeviceEvent]:
    """Make an event of device 0."""
    return lambda code, recovery, time=START, **more: DeviceEvent(
        time=time, device="nvidia:0", code=f"xid.{code}", recovery=recovery, **more
    )
