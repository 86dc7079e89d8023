"""One Xid is one event, however many tell of it, and a storm is a count."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vmon_core.evidence import Recovery
from vmon_plugin_nvidia.events.catalogue import load
from vmon_plugin_nvidia.events.merging import MOST_BURSTS, Merger
from vmon_plugin_nvidia.events.sighting import Sighting

PCI = "0000:3b:00.0"
DEVICES = {PCI: "nvidia:2"}


def logged(code: int, time: float, pci: str = PCI, **more: int) -> Sighting:
    """Seen in the kernel log."""
    return Sighting(pci, code, time, "kernel log", **more)


def told(code: int, time: float, pci: str = PCI) -> Sighting:
    """Told by NVML."""
    return Sighting(pci, code, time, "NVML")


def test_both_sources_make_one_event() -> None:
    """The kernel's time and process are kept, whether NVML tells of it in the same look or in the next."""
    merger = Merger(load())
    (event,) = merger.merge([logged(79, 9.5, pid=77), told(79, 10.0)], DEVICES, 10.0)
    assert (event.device, event.code, event.time, event.count, event.pid) == ("nvidia:2", "xid.79", 9.5, 1, 77)
    assert event.recovery is Recovery.REBOOT_NODE
    assert event.summary.startswith("Xid 79 (fallen off the bus, process 77): ")
    assert merger.merge([told(79, 11.0)], DEVICES, 11.0) == []
    (second,) = merger.merge([], DEVICES, 100.0)
    assert (second.count, second.time) == (1, 11.0)


def test_late_source_adds_nothing() -> None:
    """NVML first, the kernel log a look later."""
    merger = Merger(load())
    assert len(merger.merge([told(31, 10.0)], DEVICES, 10.0)) == 1
    assert merger.merge([logged(31, 10.1)], DEVICES, 11.0) == []
    assert merger.merge([], DEVICES, 100.0) == []


def test_storm_is_two_events_a_minute() -> None:
    """The first is told at once, the rest when its minute is over."""
    merger = Merger(load())
    events = []
    for tick in range(61):
        events += merger.merge([logged(45, float(tick))] * 100, DEVICES, float(tick))
    assert [event.count for event in events] == [100, 5900, 100]


def test_other_gpus_and_numbers_are_other_events() -> None:
    """What differs in one of both is not merged; a GPU that nobody knows has no name, but its address is told."""
    events = Merger(load()).merge([told(31, 1.0), told(13, 1.0), told(31, 1.0, "0000:99:00.0")], DEVICES, 1.0)
    assert [(e.device, e.code) for e in events] == [("nvidia:2", "xid.31"), ("nvidia:2", "xid.13"), ("", "xid.31")]
    assert "0000:99:00.0" in events[2].summary


def test_memory_is_bounded() -> None:
    """However many numbers come, and each is told once."""
    merger = Merger(load())
    events = merger.merge([told(code, 1.0) for code in range(5000)], DEVICES, 1.0)
    assert len(events) == 5000
    assert len(merger._bursts) == MOST_BURSTS


@given(st.lists(st.lists(st.tuples(st.sampled_from([13, 31, 79]), st.sampled_from("KN")), max_size=6), max_size=12))
def test_counts_add_up(ticks: list[list[tuple[int, str]]]) -> None:
    """Within one minute the events together count what the source that saw most has seen."""
    merger, seen, events = Merger(load()), Counter[tuple[int, str]](), []
    for tick, sightings in enumerate(ticks):
        seen.update(sightings)
        made = [logged(code, float(tick)) if source == "K" else told(code, float(tick)) for code, source in sightings]
        events += merger.merge(made, DEVICES, float(tick))
    events += merger.merge([], DEVICES, 1000.0)
    for code in (13, 31, 79):
        counted = sum(event.count for event in events if event.code == f"xid.{code}")
        assert counted == max(seen[code, "K"], seen[code, "N"])
