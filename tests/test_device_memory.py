"""GPU memory after the end: joined by process, waited for within bounds, and never called free by ignorance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.device_memory import FIRST_NAMESPACE, DeviceMemory, held, numbers_agree, without_living
from vmon_core.devices import Device, DeviceProcess, Inventory
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

OWN = frozenset({7, 8})


def inventory(*processes: DeviceProcess, lost: bool = False) -> Inventory:
    """One device with these processes."""
    return Inventory((Device(kind="nvidia", index=0, processes=processes, lost=lost),))


@attrs.define
class Driver:
    """A driver whose answers are given one after the other, the last one for ever; None is no answer at all."""

    answers: list[Inventory | None]
    now: float = 100.0
    looks: int = 0

    def look(self) -> Driver:
        """Begin a look."""
        self.looks += 1
        return self

    def told(self, patience: float) -> Inventory | None:
        """Answer; no answer takes all the patience."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.now += patience if answer is None else 0.0
        return answer

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def left(self, pids: frozenset[int] | None = OWN) -> int | None:
        """What is left after ten seconds at most."""
        memory = DeviceMemory(self.look, lambda: pids, 10.0, clock=lambda: self.now)
        return memory.left(self.wait)


def test_it_waits_until_the_driver_has_let_go() -> None:
    """Memory that is taken back in time is not left behind."""
    driver = Driver([inventory(DeviceProcess(7, 5)), inventory(DeviceProcess(7, 5)), inventory()])
    assert (driver.left(), driver.looks) == (0, 3)
    assert driver.now < 101


def test_memory_that_is_never_let_go_is_counted() -> None:
    """After its time what the driver still lists is told; others' memory is not."""
    driver = Driver([inventory(DeviceProcess(7, 5), DeviceProcess(8, 2), DeviceProcess(9, 40))])
    assert driver.left() == 7
    assert 110 <= driver.now < 111


def test_a_hanging_driver_costs_the_patience_and_no_more() -> None:
    """Without an answer nothing is known, and that is so after ten seconds."""
    driver = Driver([None])
    assert driver.left() is None
    assert 110 <= driver.now < 111


def test_a_driver_that_hangs_later_leaves_what_was_last_seen() -> None:
    """What was measured counts, until something newer is."""
    assert Driver([inventory(DeviceProcess(7, 5)), None]).left() == 5


@pytest.mark.parametrize("pids", [None, frozenset[int]()])
def test_without_numbers_nobody_is_asked(pids: frozenset[int] | None) -> None:
    """Where a pid would prove nothing, no driver is bothered."""
    driver = Driver([inventory()])
    assert (driver.left(pids), driver.looks) == (None, 0)


@pytest.mark.parametrize(
    "told",
    [
        Inventory(),
        attrs.evolve(inventory(), silent={"nvidia": "it hangs"}),
        inventory(lost=True),
        inventory(DeviceProcess(7, None)),
    ],
    ids=["nobody tells", "one is silent", "lost device", "unknown size"],
)
def test_what_cannot_be_told_is_not_zero(told: Inventory) -> None:
    """A doubt makes it unknown, never free."""
    assert held(told, OWN) is None


def test_held_memory_counts_in_spite_of_doubts() -> None:
    """What one device holds for sure is not undone by another one that is lost."""
    devices = (*inventory(lost=True).devices, *inventory(DeviceProcess(7, 5)).devices)
    assert held(Inventory(devices), OWN) == 5


def test_an_instance_is_not_counted_twice() -> None:
    """The process of a MIG instance may be listed with its device too."""
    process = DeviceProcess(7, 5)
    whole = Device(kind="nvidia", index=0, processes=(process,))
    slices = [attrs.evolve(whole, instance=i, processes=(DeviceProcess(7, 2),)) for i in (0, 1)]
    assert held(Inventory((whole, *slices)), OWN) == 5


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 1 << 40)), max_size=8))
def test_only_own_processes_count(processes: list[tuple[int, int]]) -> None:
    """Whatever others hold, the sum is of ours."""
    told = inventory(*(DeviceProcess(pid, size) for pid, size in processes))
    assert held(told, OWN) == sum(size for pid, size in processes if pid in OWN)


def test_numbers_agree_outside_containers_or_when_seen() -> None:
    """Drivers count in the machine's own namespace; elsewhere one process that they told of proves it."""
    assert numbers_agree(OWN, (), FIRST_NAMESPACE)
    assert not numbers_agree(OWN, (), "pid:[4026532500]")
    assert not numbers_agree(OWN, (30_000,), "pid:[4026532500]")
    assert numbers_agree(OWN, (8, 30_000), "pid:[4026532500]")


def test_numbers_that_were_given_again_are_left_out(tmp_path: Path) -> None:
    """A living process is somebody else's by now; a zombie may still be ours."""
    write_tree(tmp_path, {"7/stat": "7 (a) b) S 1 7", "8/stat": "8 (a) Z 1 8"})
    assert without_living({7, 8, 9}, tmp_path) == {8, 9}
