"""NVML's events, over the fake library behind the real `pynvml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynvml
import pytest

from vmon_core.evidence import Recovery
from vmon_plugin_nvidia.events.catalogue import load
from vmon_plugin_nvidia.events.event_set import EventSet, Watched
from vmon_plugin_nvidia.events.events import Events
from vmon_testkit.nvml import Error, FakeNvml, Gpu, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmon_core.records import Severity


@pytest.fixture
def fake() -> Iterator[FakeNvml]:
    """Two GPUs, and NVML initialised over them."""
    with FakeNvml(Scenario(gpus=(Gpu(pci="0000:17:00.0"), Gpu(pci="0000:3b:00.0")))) as machine:
        pynvml.nvmlInit()
        yield machine


def gpus() -> list[Watched]:
    """The GPUs of the fixture."""
    pci = ("0000:17:00.0", "0000:3b:00.0")
    return [Watched(pynvml.nvmlDeviceGetHandleByIndex(i), pci[i], f"nvidia:{i}") for i in range(2)]


def watched() -> EventSet:
    """A set that has both."""
    events = EventSet(pynvml)
    events.watch(gpus())
    return events


def test_nothing_happened(fake: FakeNvml) -> None:
    """It does not wait."""
    assert watched().fetch(5.0) == ([], [])


def test_xids(fake: FakeNvml) -> None:
    """Each with its GPU, in their order; none gets lost between two looks."""
    events = watched()
    for code in range(1, 101):
        fake.xid(code % 2, code, lost=False)
    seen, others = events.fetch(5.0)
    assert [(s.pci, s.code) for s in seen] == [("0000:3b:00.0" if c % 2 else "0000:17:00.0", c) for c in range(1, 101)]
    assert not others
    assert events.fetch(6.0) == ([], [])


def test_other_events(fake: FakeNvml) -> None:
    """They are events at once; what they leave behind is read from the GPU."""
    events = watched()
    fake.event(1, pynvml.nvmlEventTypeDoubleBitEccError)
    fake.event(1, pynvml.nvmlEventTypeClock)
    seen, (event,) = events.fetch(5.0)
    assert (event.device, event.code, event.recovery) == ("nvidia:1", "ecc.double_bit", Recovery.NONE)
    assert not seen


def test_lost_gpu_does_not_silence_the_others(fake: FakeNvml) -> None:
    """A set with a lost GPU fails at each look, so a new one is made without it."""
    events = watched()
    fake.xid(0)
    assert [s.code for s in events.fetch(5.0)[0]] == [79]
    fake.xid(1, 31)
    assert [(s.pci, s.code) for s in events.fetch(6.0)[0]] == [("0000:3b:00.0", 31)]
    assert not events.trouble


@pytest.mark.parametrize(
    "machine",
    [
        Scenario(missing=("nvmlEventSetCreate",)),
        Scenario(missing=("nvmlDeviceGetSupportedEventTypes",)),
        Scenario(errors={"nvmlDeviceRegisterEvents": Error.NOT_SUPPORTED}),
        Scenario(errors={"nvmlEventSetWait_v2": Error.UNKNOWN}),
    ],
    ids=lambda machine: "".join((*machine.missing, *machine.errors)),
)
def test_driver_without_events(machine: Scenario, tmp_path: Path) -> None:
    """An old driver, or one that fails: it is said once, and the kernel log is read all the same."""
    log = tmp_path / "kmsg"
    log.touch()
    said: list[tuple[Severity, str]] = []
    with FakeNvml(machine):
        pynvml.nvmlInit()
        events = Events(pynvml, load(), str(log), lambda level, text: said.append((level, text)))
        events.watch([Watched(pynvml.nvmlDeviceGetHandleByIndex(0), "0000:17:00.0", "nvidia:0")])
        assert events.fetch(5.0) == []
        log.write_text("4,2,1,-;NVRM: Xid (PCI:0000:17:00): 31\n")
        assert [e.code for e in events.fetch(6.0)] == ["xid.31"]
        events.close()
    assert len(said) == 1


def test_events_are_tried_again() -> None:
    """A driver that failed once may work a minute later."""
    with FakeNvml(Scenario(errors={"nvmlEventSetWait_v2": Error.UNKNOWN})) as fake:
        pynvml.nvmlInit()
        events = EventSet(pynvml)
        events.watch([Watched(pynvml.nvmlDeviceGetHandleByIndex(0), "0000:17:00.0", "nvidia:0")])
        events.fetch(5.0)
        assert events.trouble
        fake.change(errors={})
        events.fetch(64.0)
        assert events.trouble
        events.fetch(65.0)
        fake.xid(0, 31)
        assert [s.code for s in events.fetch(66.0)[0]] == [31]
        assert not events.trouble


def test_both_sources(fake: FakeNvml, tmp_path: Path) -> None:
    """One Xid 79 that NVML, the numbered and the plain message of the kernel tell of is one event with the process."""
    log = tmp_path / "kmsg"
    log.touch()
    events = Events(pynvml, load(), str(log), lambda level, text: None)
    events.watch(gpus())
    fake.xid(1)
    log.write_text(
        "3,1,1,-;NVRM: GPU at PCI:0000:3b:00: GPU-0b11d014\n"
        "3,2,1,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=99, name=python3, GPU has fallen off the bus.\n"
        "3,3,1,-;NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.\n"
    )
    (event,) = events.fetch(5.0)
    assert (event.device, event.code, event.count, event.pid) == ("nvidia:1", "xid.79", 1, 99)
    events.close()


def test_unreadable_kernel_log_is_said_once(fake: FakeNvml) -> None:
    """NVML's own events still come."""
    said: list[str] = []
    events = Events(pynvml, load(), "/nowhere/kmsg", lambda level, text: said.append(text))
    events.watch(gpus())
    events.fetch(5.0)
    fake.xid(0, 31)
    assert [e.code for e in events.fetch(6.0)] == ["xid.31"]
    assert said == [
        "the kernel log /nowhere/kmsg cannot be read: No such file or directory; events are told by what else there is"
    ]
    events.close()
