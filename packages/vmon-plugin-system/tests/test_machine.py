"""The machine: real figures, and the absence of those that do not exist."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
import pytest

from vmon_plugin_system.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path


class Times(NamedTuple):
    """What psutil tells of processor time, in the fields that matter."""

    user: float = 0.0
    idle: float = 0.0
    iowait: float = 0.0
    guest: float = 0.0
    guest_nice: float = 0.0


def figures(machine: Machine) -> dict[str, float]:
    """One measurement by name."""
    return {sample.name: sample.value for sample in machine.samples(1.0)}


def test_figures_of_this_machine() -> None:
    """They are what psutil and the kernel say."""
    found = figures(Machine())
    assert found["system.memory.total"] == psutil.virtual_memory().total
    assert 0 < found["system.memory.available"] <= found["system.memory.total"]
    assert found["system.load.1m"] == pytest.approx(os.getloadavg()[0], abs=1)
    assert found["system.files.open"] > 0


@pytest.mark.parametrize(
    ("before", "after", "usage"),
    [
        (Times(user=10, idle=90), Times(user=20, idle=100), 0.5),
        (Times(user=10, idle=90), Times(user=20, idle=90), 1.0),
        (Times(user=10), Times(user=10, idle=5, iowait=5), 0.0),
        (Times(user=10, guest=5), Times(user=20, guest=15, idle=10), 0.5),
        (Times(user=10, idle=90), Times(user=20, idle=80), 1.0),
    ],
)
def test_usage(monkeypatch: pytest.MonkeyPatch, before: Times, after: Times, usage: float) -> None:
    """It is the share of time that was not idle; guests count once, and counters that step back give no nonsense."""
    answers = iter([before, after])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(answers))
    machine = Machine()
    machine.samples(0.0)
    if after.idle < before.idle:
        after = after._replace(user=after.user + 20)
        answers = iter([after])
    assert figures(machine)["system.cpu.usage"] == pytest.approx(usage)


def test_usage_needs_two_measurements_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none at first, nor when no time has passed: it is unknown, not zero."""
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(user=10, idle=90))
    machine = Machine()
    assert "system.cpu.usage" not in figures(machine)
    assert "system.cpu.usage" not in figures(machine)


@pytest.mark.parametrize(
    ("content", "pressure"),
    [
        ("some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0.125),
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0.0),
        ("", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_pressure(tmp_path: Path, content: str | None, pressure: float | None) -> None:
    """It is read where the kernel tells it and absent where it does not."""
    if content is not None:
        (tmp_path / "proc/pressure").mkdir(parents=True)
        (tmp_path / "proc/pressure/cpu").write_text(content)
    found = figures(Machine(tmp_path))
    assert found.get("system.cpu.pressure") == pressure
    assert "system.files.open" not in found
    assert "system.memory.total" in found


def card(received: int) -> SimpleNamespace:
    """What psutil tells of a network card."""
    return SimpleNamespace(bytes_recv=received, bytes_sent=2 * received)


@pytest.mark.parametrize(
    ("cards", "real", "received"),
    [
        ({"lo": 1, "eth0": 10, "ib0": 100}, ["eth0", "ib0"], 110),
        ({"lo": 1, "eth0": 10, "bond0": 10, "veth1": 5}, ["eth0"], 10),
        ({"lo": 1, "eth0": 10}, [], 10),
        ({"lo": 1}, [], None),
    ],
)
def test_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cards: dict[str, int], real: list[str], received: int | None
) -> None:
    """Real cards count, loopback never, and virtual ones only where there is nothing else."""
    for name in real:
        (tmp_path / "sys/class/net" / name / "device").mkdir(parents=True)
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: {name: card(value) for name, value in cards.items()})
    found = figures(Machine(tmp_path))
    assert found.get("system.network.received") == received
    assert found.get("system.network.sent") == (received and 2 * received)


def test_machine_without_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container often sees none: no counter is made up."""
    monkeypatch.setattr(psutil, "disk_io_counters", lambda **_: None)
    assert not {"system.disk.read", "system.disk.written"} & figures(Machine()).keys()


@pytest.mark.parametrize(
    "error", [PermissionError(), psutil.AccessDenied(1), RuntimeError("no counters"), KeyError("x")]
)
@pytest.mark.parametrize(
    ("function", "metric"),
    [
        ("cpu_times", "system.cpu.usage"),
        ("virtual_memory", "system.memory.used"),
        ("swap_memory", "system.swap.used"),
        ("disk_io_counters", "system.disk.read"),
        ("net_io_counters", "system.network.sent"),
    ],
)
def test_failing_reads_cost_only_their_own_figures(
    monkeypatch: pytest.MonkeyPatch, function: str, metric: str, error: Exception
) -> None:
    """What cannot be read is absent; all else is there."""

    def fail(**_: Any) -> None:
        raise error

    machine = Machine()
    machine.samples(0.0)
    monkeypatch.setattr(psutil, function, fail)
    found = figures(machine)
    assert metric not in found
    assert "system.load.1m" in found
