"""Opening the driver: one that is absent, old, broken, slow, or comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynvml
import pytest

from vmon_plugin_nvidia.driver import LOOK_SECONDS, MOMENT, PATIENCE, Driver
from vmon_testkit.nvml import Error, FakeNvml, Gpu, Scenario
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from .conftest import Machine


def test_versions_and_gpus(machine: Machine) -> None:
    """What is known once it is open."""
    _, driver = machine(Scenario(gpus=(Gpu(), Gpu()), driver="570.1", cuda=12080))
    assert [gpu.label for gpu in driver.ready(0.0, 10.0)] == ["0", "1"]
    assert (driver.version, driver.cuda, driver.opened, driver.absent) == ("570.1", "12.8", 1, "")


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear line, once."""
    said: list[str] = []

    def missing(*_: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    driver = Driver(said.append)
    for now in (0.0, 1.0, LOOK_SECONDS + 1):
        assert driver.ready(now, 10.0) == ()
    assert said == ["there is no NVIDIA driver on this machine (libnvidia-ml.so.1 is not found)"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Error.DRIVER_NOT_LOADED, "NVIDIA's driver is not loaded"),
        (Error.LIB_RM_VERSION_MISMATCH, "are of different versions"),
        (Error.NO_PERMISSION, "may not be used by this user"),
        (Error.UNKNOWN, "NVML cannot be opened: Unknown Error"),
    ],
)
def test_driver_is_looked_for_rarely_and_found_later(error: Error, words: str) -> None:
    """It says why there are no GPUs, once; when there are some, that too."""
    said: list[str] = []
    with FakeNvml(Scenario(broken=error)) as fake:
        driver = Driver(said.append)
        assert driver.ready(0.0, 10.0) == ()
        fake.change(broken=None)
        assert driver.ready(LOOK_SECONDS - 1, 10.0) == ()
        assert len(driver.ready(LOOK_SECONDS, 10.0)) == 1
        driver.close()
    assert len(said) == 2
    assert words in said[0]


def test_no_gpus() -> None:
    """A driver may have none."""
    with FakeNvml(Scenario(gpus=())):
        driver = Driver()
        assert driver.ready(0.0, 10.0) == ()
        assert driver.absent == "NVIDIA's driver has no GPUs"


def test_driver_that_hangs_while_it_is_opened() -> None:
    """Nobody waits for it; it is told once, and is used when it answers after all."""
    said: list[str] = []
    with FakeNvml() as fake:
        driver = Driver(said.append)
        fake.hang("nvmlInitWithFlags")
        assert driver.ready(0.0, 0.01) == ()
        wait_until(lambda: fake.hanging)
        for now in (PATIENCE + 1, PATIENCE + 2):
            assert driver.ready(now, 0.01) == ()
        assert said == ["NVIDIA's driver hangs: nvmlInit has not returned for 60 s"]
        fake.release()
        assert wait_until(lambda: driver.ready(PATIENCE + 3, 0.1))
        driver.close()


def test_gpu_that_is_lost_from_the_beginning(machine: Machine) -> None:
    """It counts, and the others are there."""
    _, driver = machine(Scenario(gpus=(Gpu(lost=True), Gpu())))
    assert [gpu.lost for gpu in driver.ready(0.0, 10.0)] == [True, False]


def test_driver_that_has_gone_is_opened_anew(machine: Machine) -> None:
    """At the next look."""
    _, driver = machine(Scenario())
    driver.ready(0.0, 10.0)
    driver.failed()
    assert len(driver.ready(1.0, 10.0)) == 1
    assert driver.opened == 2


def test_only_the_first_waits_for_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions that queue up behind each other would take so long together that their process is ended."""
    waited: list[float | None] = []
    with FakeNvml() as fake:
        fake.hang("nvmlInitWithFlags")
        driver = Driver()
        driver.ready(0.0, 0.01)
        thread = driver._thread
        assert thread is not None
        with monkeypatch.context() as patch:
            patch.setattr(thread, "join", waited.append)
            for now in (1.0, 6.99, 20.0):
                driver.ready(now, 7.0)
        assert waited == [6.0, MOMENT, MOMENT]
        fake.release()
        wait_until(lambda: driver.ready(21.0, 0.1))
        driver.close()
