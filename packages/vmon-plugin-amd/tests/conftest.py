"""GPUs that are not there, and what is read of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.evidence import DeviceEvent, DeviceJudged, Evidence
from vmon_core.records import Sample
from vmon_plugin_amd.config import AMDConfig
from vmon_plugin_amd.session import Session
from vmon_testkit.amdsmi import AmdScenario, FakeAmdSmi

if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.define
class Bench:
    """A session over a fake machine, with a clock of its own.

    Attributes:
        fake: the machine.
        session: reads it.
        told: what it said about the driver.
        now: Unix seconds.
    """

    fake: FakeAmdSmi
    session: Session
    told: list[str]
    now: float = 1_000_000.0

    def turn(self, seconds: float = 5.0) -> list[Evidence | Sample]:
        """Let time pass and measure."""
        self.now += seconds
        return self.session.collect(self.now)

    def figures(self, gpu: str = "0") -> dict[str, float]:
        """Measure; each metric of a GPU by its name and the labels that tell its series apart."""
        found = {}
        for each in self.turn():
            if isinstance(each, Sample) and dict(each.labels)["gpu"] == gpu:
                extra = [value for name, value in each.labels if name not in ("gpu", "kind")]
                found[" ".join((each.name, *extra))] = each.value
        return found

    def judged(self, turns: int = 1) -> DeviceJudged:
        """Measure so often, and return the last judgement of GPU 0."""
        for _ in range(turns):
            self.turn()
        self.now += 60.0  # a judgement is told again after a minute
        return next(e for e in self.turn() if isinstance(e, DeviceJudged) and e.device == "amd:0")

    def events(self, seconds: float = 5.0) -> list[DeviceEvent]:
        """Measure; the events that are told."""
        return [each for each in self.turn(seconds) if isinstance(each, DeviceEvent)]


@pytest.fixture
def fake() -> Iterator[FakeAmdSmi]:
    """A machine with one MI300X."""
    with FakeAmdSmi() as machine:
        yield machine


@pytest.fixture
def bench(fake: FakeAmdSmi) -> Iterator[Bench]:
    """A session that reads it, seldom figures each time."""
    told: list[str] = []
    session = Session(AMDConfig(slow_interval=0.1), told.append)
    session.devices(20.0)
    try:
        yield Bench(fake, session, told)
    finally:
        fake.change(hangs=())
        session.close()


def machine(*gpus: object, **fields: object) -> AmdScenario:
    """A scenario."""
    return AmdScenario(gpus=gpus, **fields)  # type: ignore[arg-type]  # what tests give
