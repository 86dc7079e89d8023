"""What a driver may do that it should not: none of it hides a GPU, and none makes a good one bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.errors import VmonError
from vmon_core.evidence import DeviceEvent, DeviceJudged, Health, Recovery
from vmon_core.records import Sample, Target, Tick
from vmon_plugin_nvidia import plugin as plugin_module
from vmon_plugin_nvidia.collector import Collector
from vmon_plugin_nvidia.config import NVIDIAConfig
from vmon_plugin_nvidia.driver import RELOAD_SECONDS, Driver
from vmon_plugin_nvidia.events.catalogue import load
from vmon_plugin_nvidia.identity import devices
from vmon_plugin_nvidia.plugin import NVIDIAPlugin
from vmon_plugin_nvidia.watching import Watching
from vmon_testkit.nvml import Error, FakeNvml, Gpu, Instance, Scenario
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_core.evidence import Evidence

TWO = Scenario(gpus=(Gpu(), Gpu()))


class Bench:
    """A collector on a machine, whose clock is set by hand."""

    def __init__(self, driver: Driver) -> None:
        watching = Watching(driver, load(""), "", lambda *_: None)
        self.driver = driver
        self.collector = Collector(driver, NVIDIAConfig(interval=1.0, slow_interval=1.0), watching)
        driver.ready(0.0, 10.0)

    def look(self, now: float) -> list[Evidence | Sample]:
        """Measure at a moment."""
        return self.collector.collect(Tick(now, Target(name="")))

    def health(self) -> list[tuple[str, bool, Health]]:
        """How each GPU is told to others."""
        gpus = self.driver.ready(0.0)
        return [(d.name, d.lost, self.collector.watching.judged(d).health) for d in devices(self.driver, gpus)]


@pytest.fixture
def bench() -> Iterator[Callable[[FakeNvml], Bench]]:
    """Makes a bench, and closes it."""
    made: list[Bench] = []

    def make(_: FakeNvml, tell: Callable[[str], None] = lambda _: None) -> Bench:
        made.append(Bench(Driver(tell)))
        return made[-1]

    yield make
    for each in made:
        each.collector.close()
        each.driver.close()


@pytest.mark.parametrize("error", [Error.UNKNOWN, Error.NO_PERMISSION])
def test_gpu_that_cannot_be_opened_is_unknown(error: Error, bench: Any) -> None:
    """In a container a GPU may be forbidden: nobody knows how it is. It is watched once it can be opened."""
    shut = Gpu(errors={"nvmlDeviceGetHandleByIndex_v2": error})
    with FakeNvml(Scenario(gpus=(shut, Gpu()))) as fake:
        ours = bench(fake)
        found = [each for at in (1.0, 2.0) for each in ours.look(at)]
        assert ours.health() == [("nvidia:0", False, Health.UNKNOWN), ("nvidia:1", False, Health.HEALTHY)]
        assert not [each for each in found if isinstance(each, DeviceEvent)]
        fake.change(gpu=0, errors={})
        ours.look(3.0)
        assert ours.health()[0] == ("nvidia:0", False, Health.HEALTHY)
        fake.xid(0, 31)
        assert [each.device for each in ours.look(4.0) if isinstance(each, DeviceEvent)] == ["nvidia:0"]


def test_single_errors_change_nothing(bench: Any) -> None:
    """One answer that fails is no news: neither of the GPU, nor of what the driver says would help."""
    with FakeNvml(TWO) as fake:
        ours = bench(fake)
        ours.look(1.0)
        fake.xid(0, 119)
        ours.look(2.0)
        before = ours.health()
        assert before[0] == ("nvidia:0", False, Health.DEGRADED)
        for at, function in enumerate(("nvmlDeviceGetFieldValues", "nvmlDeviceGetMemoryInfo", "nvmlEventSetWait_v2")):
            fake.change(errors={function: Error.UNKNOWN})
            found = ours.look(3.0 + at)
            fake.change(errors={})
            assert not [each for each in found if isinstance(each, DeviceEvent | DeviceJudged)]
            assert ours.health() == before


@pytest.mark.parametrize("function", ["nvmlSystemGetDriverVersion", "nvmlSystemGetCudaDriverVersion"])
def test_version_that_is_not_told_hides_no_gpu(function: str) -> None:
    """It is only unknown."""
    with FakeNvml(Scenario(errors={function: Error.UNKNOWN})):
        driver = Driver()
        assert len(driver.ready(0.0, 10.0)) == 1
        assert "" in (driver.version, driver.cuda)
        driver.close()


def test_rubbish_for_text_is_not_known(bench: Any) -> None:
    """Bytes that are no text, and a place that is none; the figures are told all the same."""
    with FakeNvml(Scenario(gpus=(Gpu(pci="garbage"), Gpu()))) as fake:
        fake.machine.gpus[1].name = fake.machine.driver = b"\xff\xfe"
        ours = bench(fake)
        assert any(isinstance(each, Sample) for each in ours.look(1.0))
        first, second = devices(ours.driver, ours.driver.ready(0.0))
        assert (first.pci, second.model, second.driver) == ("", "", "")
        assert [health for *_, health in ours.health()] == [Health.HEALTHY, Health.HEALTHY]


def test_lost_gpu_hides_no_other_from_who_asks(bench: Any) -> None:
    """It is told with what was known of it, though nobody had asked for the devices before."""
    with FakeNvml(TWO) as fake:
        ours = bench(fake)
        ours.look(1.0)
        fake.change(gpu=0, lost=True)
        ours.look(2.0)
        first, second = devices(ours.driver, ours.driver.ready(0.0))
        assert (first.uuid, first.pci, first.lost) == (fake.uuid(0), "0000:10:00.0", True)
        assert (second.lost, second.memory_bytes) == (False, 80 << 30)


def test_number_of_gpus_changes(bench: Any) -> None:
    """The driver is opened anew; GPUs that are gone are an event, and no history is taken for another GPU's."""
    with FakeNvml(Scenario(gpus=(Gpu(), Gpu(), Gpu(uncorrected=3)))) as fake:
        ours = bench(fake)
        ours.look(1.0)
        fake.change(gpus=(Gpu(), Gpu(uncorrected=3)))
        assert ours.look(2.0) == []
        ours.driver.ready(2.0, 10.0)
        events = [each for each in ours.look(3.0) if isinstance(each, DeviceEvent)]
        assert [each.code for each in events if not each.device] == ["gpu.missing"]
        assert ours.health()[0] == ("nvidia:0", False, Health.HEALTHY)
        fake.change(gpus=(Gpu(), Gpu(), Gpu()))
        assert ours.look(4.0) == []
        ours.driver.ready(4.0, 10.0)
        assert not [each for each in ours.look(5.0) if isinstance(each, DeviceEvent)]
        assert len(ours.health()) == 3


def test_driver_that_is_reloaded_is_looked_for_soon() -> None:
    """Where there was a driver there will be one again, in seconds."""
    said: list[str] = []
    with FakeNvml(TWO) as fake:
        driver = Driver(said.append)
        assert len(driver.ready(0.0, 10.0)) == 2
        fake.change(broken=Error.DRIVER_NOT_LOADED)
        driver.failed()
        assert driver.ready(1.0, 10.0) == ()
        fake.change(broken=None)
        assert len(driver.ready(1.0 + RELOAD_SECONDS, 10.0)) == 2
        driver.close()
    assert said == ["NVIDIA's driver is not loaded", "there are NVIDIA GPUs now"]


def test_health_is_told_at_once_when_the_driver_is_back(bench: Any) -> None:
    """Meanwhile it was called unknown; nobody waits for the next minute's judgement."""
    with FakeNvml(TWO) as fake:
        ours = bench(fake)
        ours.look(1.0)
        fake.change(errors={"nvmlDeviceGetTemperature": Error.UNINITIALIZED})
        assert ours.look(2.0) == []
        fake.change(errors={})
        ours.driver.ready(3.0, 10.0)
        told = [each.health for each in ours.look(4.0) if isinstance(each, DeviceJudged)]
        assert told == [Health.HEALTHY, Health.HEALTHY]


def test_instances_stay_when_one_answer_fails(bench: Any) -> None:
    """A GPU that once does not say whether MIG is on has its instances all the same."""
    with FakeNvml(Scenario(gpus=(Gpu(instances=(Instance(gpu_instance=7),)),))) as fake:
        ours = bench(fake)
        ours.look(1.0)
        fake.change(errors={"nvmlDeviceGetMigMode": Error.UNKNOWN})
        ours.look(2.0)
        assert [name for name, *_ in ours.health()] == ["nvidia:0", "nvidia:0.0"]


def test_driver_that_does_not_tell_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the devices hears why; a machine without a driver simply has none."""
    monkeypatch.setattr(plugin_module, "WAKING_SECONDS", 2.0)
    old = FakeNvml(Scenario(broken=Error.LIB_RM_VERSION_MISMATCH))
    with old, pytest.raises(VmonError, match="of different versions"):
        NVIDIAPlugin().vmon_devices()
    with FakeNvml() as fake:
        fake.hang("nvmlInitWithFlags")
        with pytest.raises(VmonError, match="no answer yet"):
            NVIDIAPlugin().vmon_devices()
        wait_until(lambda: fake.hanging)
        fake.release()
        wait_until(lambda: not fake.hanging)
    with FakeNvml(Scenario(broken=Error.DRIVER_NOT_LOADED)):
        assert NVIDIAPlugin().vmon_devices() == []


def test_wish_of_the_driver_is_forgotten_with_time(bench: Any) -> None:
    """A driver that does not repeat for long what would help has said nothing."""
    with FakeNvml(TWO) as fake:
        ours = bench(fake)
        fake.change(gpu=0, recovery=1)
        ours.look(1.0)
        fake.change(gpu=0, errors={"nvmlDeviceGetFieldValues": Error.UNKNOWN})
        assert Recovery.RESET_DEVICE in _recoveries(ours.look(61.0))
        ours.look(200.0)
        assert Recovery.RESET_DEVICE not in _recoveries(ours.look(300.0))


def _recoveries(found: list[Evidence | Sample]) -> list[Recovery]:
    return [each.recovery for each in found if isinstance(each, DeviceJudged)]
