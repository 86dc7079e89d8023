"""A plugin that fails in every way there is, when a file in its folder says so; once, or lastingly."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.devices import Device, DeviceLink, DeviceProcess
from vmon_core.evidence import ActionTaken, Health
from vmon_core.plugin import LaunchRequest, PluginInfo, every, hookimpl
from vmon_core.records import (
    Action,
    CheckVerdict,
    CompatibilityCheck,
    Finding,
    Outcome,
    OutcomeStatus,
    Ruling,
    Sample,
    Severity,
    Target,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host
    from vmon_core.records import Checkpoint, Frame, Tick

MEMORY_LIMIT = 250 << 20


@attrs.frozen
class Config:
    """Where the fault is named."""

    folder: str = "."


def _segfault() -> None:
    ctypes.string_at(0)


def _leak() -> None:
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def _block_natively() -> None:
    ctypes.PyDLL(None).pause()  # unlike CDLL it keeps the interpreter's lock


def _loop() -> None:
    while True:
        pass


def _print() -> None:
    for _ in range(10):
        print("x" * 1_000_000)
    print("that was all")


def _send(data: bytes) -> None:
    os.write(int(sys.argv[2]), data)
    time.sleep(60)


FAULTS: dict[str, Callable[[], object]] = {
    "segfault": _segfault,
    "leak": _leak,
    "native": _block_natively,
    "loop": _loop,
    "sleep": lambda: time.sleep(60),
    "exit": lambda: os._exit(3),
    "print": _print,
    "too long": lambda: _send(struct.pack("!I", 1 << 31)),
    "no message": lambda: _send(struct.pack("!I", 5) + b"hello"),
    "no answer": lambda: _send(struct.pack("!I", 8) + b'{"id":7}'),
    "no evidence": lambda: _send(struct.pack("!I", 10) + b'{"emit":1}'),
    "raise": lambda: 1 / 0,
}


class Faulty:
    """Implements every hook that works in a child process."""

    def __init__(self) -> None:
        self._folder = Path()
        self._state: dict[str, Any] = {}

    def _perhaps_fail(self, where: str) -> None:
        file = self._folder / where
        if file.exists():
            fault = FAULTS[file.read_text()]
            file.unlink()
            fault()
        lasting = self._folder / f"{where}-always"
        if lasting.exists():
            FAULTS[lasting.read_text()]()

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="faulty", version="1.0", config=Config, memory_limit=MEMORY_LIMIT)

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Use everything that a host offers."""
        self._folder = Path(host.config("faulty").folder)
        self._perhaps_fail("start")
        (host.data_dir / "started").touch()
        host.say(Severity.INFO, "ready", watched=len(host.targets))
        host.emit([ActionTaken(time=time.time(), action="look", actor="faulty")])

    @hookimpl
    def vmon_stop(self) -> None:
        """Leave a trace of a polite end."""
        (self._folder / "stopped").touch()

    @hookimpl
    @every("50ms", timeout="1s")
    def vmon_collect(self, tick: Tick) -> Iterator[Sample]:
        """Say that it lives."""
        self._perhaps_fail("collect")
        yield Sample("faulty.pid", os.getpid(), tick.time, (("target", tick.target.name),))

    @hookimpl
    def vmon_targets(self) -> list[Target]:
        """One."""
        return [Target(name="found", url="http://x", command=("vllm", "serve"))]

    @hookimpl
    def vmon_facts(self) -> dict[str, str]:
        """One."""
        return {"gpu.count": "8"}

    @hookimpl
    def vmon_devices(self) -> list[Device]:
        """One, with everything that may be in it."""
        links = (DeviceLink(kind="nvlink", index=0, remote="0000:01:00.0"),)
        return [Device(kind="faulty", index=0, health=Health.DEGRADED, processes=(DeviceProcess(1, 2),), links=links)]

    @hookimpl
    def vmon_check(self, launch: LaunchRequest, devices: tuple[Device, ...]) -> list[CompatibilityCheck]:
        """Tell what arrived."""
        return [CompatibilityCheck(code="faulty.launch", verdict=CheckVerdict.OK, summary=f"{launch} {devices}")]

    @hookimpl
    def vmon_diagnose(self, target: Target, devices: tuple[Device, ...]) -> list[CompatibilityCheck]:
        """Tell what arrived."""
        return [CompatibilityCheck(code="faulty.target", verdict=CheckVerdict.WARNING, summary=f"{target} {devices}")]

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Know one code."""
        return "a check of the tests" if code == "faulty.launch" else None

    @hookimpl
    def vmon_state(self) -> dict[str, Any]:
        """Give back what was restored, and one more."""
        return {**self._state, "seen": self._state.get("seen", 0) + 1}

    @hookimpl
    def vmon_restore(self, state: Mapping[str, Any]) -> None:
        """Take it."""
        self._state = dict(state)

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterator[Finding]:
        """Tell what it sees, to be compared."""
        self._perhaps_fail("analyze")
        sums = sorted(window.flat().items())
        evidence = tuple(sorted(e.kind for e in window.evidence()))
        summary = f"{sums} {window.state} {sorted(window.facts.processes)} {window.increase('steps', 60)}"
        yield Finding(code="seen", severity=Severity.INFO, summary=summary, time=window.now, evidence=evidence)

    @hookimpl
    def vmon_guardrail(self, checkpoint: Checkpoint) -> list[Action]:
        """Propose one."""
        self._perhaps_fail("guardrail")
        return [Action(id="1", kind="mend", target=checkpoint.target, reason="r", policy="p", time=checkpoint.time)]

    @hookimpl
    def vmon_review(self, action: Action, checkpoint: Checkpoint) -> Verdict:
        """Allow it."""
        self._perhaps_fail("review")
        return Verdict(ruling=Ruling.ALLOW, reason=f"{action.kind} in {checkpoint.state}")

    @hookimpl
    def vmon_intervene(self, action: Action) -> Outcome:
        """Do it."""
        return Outcome(action=action.id, status=OutcomeStatus.DONE, detail="mended", time=action.time)

    @hookimpl
    def vmon_export(self, frame: Frame) -> None:
        """Take it."""
        self._perhaps_fail("export")
        (self._folder / "exported").write_text(str(len(frame.samples)))


plugin = Faulty()
