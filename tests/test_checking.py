"""Predictions: the plugins' answers in order, within a deadline, whatever plugins do."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.checking import EXIT_CODES, Prediction, predict
from vmon_core.devices import Device
from vmon_core.host.plugin_host import PluginHost
from vmon_core.plugin import LaunchRequest, PluginInfo, hookimpl
from vmon_core.records import CheckVerdict, CompatibilityCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

FOREVER = threading.Event()
"""Never set: what waits for it is abandoned."""


def check(verdict: CheckVerdict, code: str = "example.a") -> CompatibilityCheck:
    """A check with a verdict."""
    return CompatibilityCheck(code=code, verdict=verdict, summary="because")


class Predicting:
    """A plugin that checks and has devices, by the functions given."""

    def __init__(
        self, checks: Callable[..., Iterable[CompatibilityCheck]], devices: Callable[[], Iterable[Device]] = tuple
    ) -> None:
        self._checks = checks
        self._devices = devices

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="predicting", version="1.0")

    @hookimpl
    def vmon_devices(self) -> Iterable[Device]:
        """The devices."""
        return self._devices()

    @hookimpl
    def vmon_check(self, launch: LaunchRequest, devices: tuple[Device, ...]) -> Iterable[CompatibilityCheck]:
        """The checks."""
        return self._checks(launch, devices)


def ask(plugin: object, tmp_path: Path, patience: float = 5.0) -> Prediction:
    """What one plugin predicts."""
    host = PluginHost(lambda *_, **__: None)
    host.register(plugin)
    return predict(host, LaunchRequest(command=("x",), environment={}, directory=tmp_path, patience=patience))


def test_answers_are_put_in_order(tmp_path: Path) -> None:
    """Failures come first, and decide."""
    found = ask(Predicting(lambda *_: [check(v) for v in reversed(CheckVerdict)]), tmp_path)
    assert [c.verdict.value for c in found.checks] == ["failure", "warning", "not_evaluated", "ok"]
    assert found.verdict is CheckVerdict.FAILURE
    assert {c.source for c in found.checks} == {"predicting"}


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([CheckVerdict.OK], 0),
        ([CheckVerdict.OK, CheckVerdict.WARNING], 1),
        ([CheckVerdict.NOT_EVALUATED, CheckVerdict.FAILURE], 2),
        ([CheckVerdict.WARNING, CheckVerdict.NOT_EVALUATED], 3),
        ([], 3),
    ],
)
def test_the_whole_is_as_grave_as_its_gravest(verdicts: list[CheckVerdict], code: int) -> None:
    """A failure is certain; what could not be told outweighs a warning; no check at all tells nothing."""
    assert EXIT_CODES[Prediction(tuple(map(check, verdicts))).verdict] == code


def test_checks_see_the_devices(tmp_path: Path) -> None:
    """Those that other plugins tell."""
    seen: list[Any] = []
    plugin = Predicting(lambda _, devices: seen.extend(devices) or (), lambda: [Device(kind="nvidia", index=0)])
    ask(plugin, tmp_path)
    assert [d.name for d in seen] == ["nvidia:0"]


def test_a_plugin_that_fails_could_not_tell(tmp_path: Path) -> None:
    """It is neither good nor bad news, and says who failed."""
    (found,) = ask(Predicting(lambda *_: 1 / 0), tmp_path).checks  # type: ignore[arg-type]  # it fails on purpose
    assert (found.verdict, found.source) == (CheckVerdict.NOT_EVALUATED, "predicting")


def test_a_plugin_that_hangs_is_left_behind(tmp_path: Path) -> None:
    """The deadline holds for all of it together."""
    began = time.monotonic()
    found = ask(Predicting(lambda *_: FOREVER.wait() and ()), tmp_path, patience=0.05)  # type: ignore[arg-type]
    assert time.monotonic() - began < 5
    assert [(c.code, c.verdict) for c in found.checks] == [("vmon.checks_failed", CheckVerdict.NOT_EVALUATED)]


def test_devices_that_hang_leave_time_for_the_checks(tmp_path: Path) -> None:
    """A driver that sleeps costs its share, and the checks go on without devices."""
    plugin = Predicting(lambda *_: [check(CheckVerdict.OK)], lambda: FOREVER.wait() and ())  # type: ignore[arg-type, return-value]
    found = [(c.code, c.verdict.value) for c in ask(plugin, tmp_path, patience=0.5).checks]
    assert found == [("devices.unknown", "not_evaluated"), ("example.a", "ok")]
