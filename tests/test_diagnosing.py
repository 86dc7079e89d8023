"""The diagnosis in the checkpoint: made once, when the server is ready, on a thread that nobody waits for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from vmon_core.config import Config
from vmon_core.diagnosing import ReadyDiagnosis, diagnose
from vmon_core.evidence import EngineCounted, ServerStarted
from vmon_core.host.plugin_host import PluginHost
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.monitor import VLLMMonitor
from vmon_core.pipeline.recorder import Recorder
from vmon_core.plugin import PluginInfo, hookimpl
from vmon_core.records import Change, CheckVerdict, CompatibilityCheck, Target
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Checkpoint

CHECK = CompatibilityCheck(code="x.version", verdict=CheckVerdict.OK, summary="known")


class Doctor:
    """Diagnoses when it may."""

    def __init__(self) -> None:
        self.allowed = threading.Event()
        self.asked: list[Target] = []

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="doctor", version="1.0")

    @hookimpl
    def vmon_diagnose(self, target: Target) -> Iterable[CompatibilityCheck]:
        """Wait until it may answer."""
        self.asked.append(target)
        self.allowed.wait(30)
        return [CHECK]


class Kept(Recorder):
    """Keeps checkpoints, as the journal does."""

    def __init__(self) -> None:
        self.checkpoints: list[Checkpoint] = []

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep it."""
        self.checkpoints.append(checkpoint)


class Broken:
    """Cannot diagnose."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="broken", version="1.0")

    @hookimpl
    def vmon_diagnose(self, target: Target) -> Iterable[CompatibilityCheck]:
        """Fail."""
        raise RuntimeError(target.name)


def change(state: LifecycleState) -> Change:
    """A transition to a state."""
    return Change(
        time=1.0, origin=LifecycleState.UNKNOWN, state=state, transition=StateTransition.DISCOVERY, reason="test"
    )


def test_diagnosis_does_not_delay_a_tick() -> None:
    """The pipeline goes on while a plugin thinks, and later checkpoints hold what it said."""
    doctor = Doctor()
    monitor = VLLMMonitor(Target(name="t", url="http://127.0.0.1:9"), config=Config())
    monitor.register_plugin(doctor)
    kept = Kept()
    monitor.add_recorder(kept)
    with monitor:
        now = time.time()
        monitor.observe(ServerStarted(time=now), EngineCounted(time=now, steps=1.0))
        monitor.track_lifecycle_state(LifecycleState.SERVING, StateTransition.PROGRESS)
        wait_until(lambda: bool(doctor.asked))
        assert monitor.between_ticks(lambda: 42) == 42
        assert monitor.get_lifecycle_report().checkpoint is not None
        assert CHECK.code not in codes(monitor)
        doctor.allowed.set()
        wait_until(lambda: CHECK.code in codes(monitor))
        wait_until(lambda: any(CHECK.code in {c.code for c in checkpoint.checks} for checkpoint in kept.checkpoints))
    assert {"feature.fp8", "feature.p2p", "feature.sleep_mode", "feature.custom_all_reduce"} <= codes(monitor)


def codes(monitor: VLLMMonitor) -> set[str]:
    """The codes of the checks in a new checkpoint."""
    checkpoint = monitor.get_lifecycle_report().checkpoint
    return {check.code for check in checkpoint.checks} if checkpoint else set()


def test_asked_once_and_only_when_ready() -> None:
    """A start is not disturbed, and a server that comes and goes is not asked again."""
    told: list[list[CompatibilityCheck]] = []
    recorder = ReadyDiagnosis(lambda: [CHECK], told.append)
    recorder.add_change("t", change(LifecycleState.LOADING_WEIGHTS))
    assert told == []
    for state in (LifecycleState.IDLE, LifecycleState.SERVING, LifecycleState.IDLE):
        recorder.add_change("t", change(state))
    wait_until(lambda: bool(told))
    assert told == [[CHECK]]


def test_plugin_that_fails_could_not_tell() -> None:
    """The others' answers and the features are there all the same."""
    monitor = VLLMMonitor(Target(name="t"))
    monitor.register_plugin(Broken())
    found = {c.code: c for c in diagnose(monitor.plugin_manager.hooks, Target(name="t"), {}, {})}
    assert found["vmon.plugin_failed"].verdict is CheckVerdict.NOT_EVALUATED
    assert "feature.fp8" in found


def test_host_without_plugins() -> None:
    """Nobody to ask is no error."""
    found = diagnose(PluginHost().hooks, Target(name="t"), {}, {})
    assert {check.code.partition(".")[0] for check in found} == {"feature"}
