"""The supervisor: escalation in time, haste on request, and a clean-up that is verified."""

from __future__ import annotations

import signal

import attrs
import pytest

from vmon_core.evidence import ActionTaken, CleanupVerified, Evidence, ProcessExited
from vmon_core.records import Target
from vmon_core.supervisor import StopPlan, Supervisor


class FakeServer:
    """A server that notes what is done to it and is left with what `found` says."""

    def __init__(self, *found: CleanupVerified) -> None:
        self.target = Target(name="t")
        self.done: list[str] = []
        self._found = list(found) or [CleanupVerified(time=0.0)]

    def alive(self) -> bool:
        """It never ends by itself."""
        return True

    def send(self, signum: int) -> bool:
        """Note the signal."""
        self.done.append(signal.Signals(signum).name)
        return True

    def kill(self) -> int:
        """Note the kill."""
        self.done.append("KILL")
        return 1

    def wait(self, timeout: float) -> ProcessExited | None:
        """It does not end."""
        return None

    def clean_up(self, *, remove: bool = False) -> CleanupVerified:
        """Tell the next of what is left; the last one for ever."""
        if remove:
            self.done.append("remove")
        return self._found.pop(0) if len(self._found) > 1 else self._found[0]


@attrs.define
class Clock:
    """A clock that is set by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


def test_escalates_term_term_kill_in_time(clock: Clock) -> None:
    """A stop that is not obeyed is asked for again, then enforced, each at its time."""
    server, seen = FakeServer(), list[Evidence]()
    supervisor = Supervisor(server, seen.append, StopPlan(second_term_after=5, kill_after=10), clock=clock)
    supervisor.ask_to_stop()
    times = []
    for _ in range(300):
        before = len(server.done)
        supervisor.escalate()
        times += [clock.now - 100] * (len(server.done) - before)
        clock.pass_(0.1)
    assert server.done == ["SIGTERM", "SIGTERM", "KILL"]
    assert times == pytest.approx([5, 15], abs=0.2)
    assert [e.action for e in seen if isinstance(e, ActionTaken)] == ["SIGTERM", "SIGTERM", "SIGKILL"]


def test_nothing_happens_before_a_stop_is_asked_for(clock: Clock) -> None:
    """A server that nobody wants to stop is left alone for ever."""
    server = FakeServer()
    supervisor = Supervisor(server, list[Evidence]().append, clock=clock)
    clock.pass_(10_000)
    supervisor.escalate()
    assert server.done == []


def test_asking_again_hastens(clock: Clock) -> None:
    """The second request repeats the signal, the third kills."""
    server = FakeServer()
    supervisor = Supervisor(server, list[Evidence]().append, clock=clock)
    for _ in range(3):
        supervisor.ask_to_stop(signal.SIGINT)
    assert server.done == ["SIGINT", "SIGINT", "KILL"]


def test_drain_is_given_its_time(clock: Clock) -> None:
    """A server that finishes its requests is not disturbed before its own time-out is over."""
    server = FakeServer()
    supervisor = Supervisor(server, list[Evidence]().append, drain=lambda: 60.0, clock=clock)
    supervisor.ask_to_stop()
    clock.pass_(60)
    supervisor.escalate()
    assert server.done == ["SIGTERM"]
    clock.pass_(11)
    supervisor.escalate()
    assert server.done == ["SIGTERM", "SIGTERM"]


def test_clean_up_waits_for_workers_and_tells_what_it_found(clock: Clock) -> None:
    """Workers may outlive the main process for a while; the last look is what counts."""
    busy, clean = CleanupVerified(time=0.0, processes=(7,)), CleanupVerified(time=0.0, port_free=True)
    seen = list[Evidence]()
    found = Supervisor(FakeServer(busy, busy, clean), seen.append, clock=clock).clean_up(wait=clock.pass_)
    assert found.clean
    assert seen == [found]


def test_stubborn_leftovers_of_a_stop_are_killed(clock: Clock) -> None:
    """After a stop that was asked for, what does not end in time is killed."""
    busy = CleanupVerified(time=0.0, processes=(7,))
    server = FakeServer(busy)
    supervisor = Supervisor(server, list[Evidence]().append, StopPlan(leftovers_after=1), clock=clock)
    supervisor.ask_to_stop()
    assert not supervisor.clean_up(wait=clock.pass_).clean
    assert server.done == ["SIGTERM", "KILL"]


def test_leftovers_of_a_crash_are_reported_not_killed(clock: Clock) -> None:
    """Nobody asked for a stop, so what is left is evidence: it is told, and left alone."""
    server = FakeServer(CleanupVerified(time=0.0, processes=(7,)))
    found = Supervisor(server, list[Evidence]().append, StopPlan(leftovers_after=1), clock=clock).clean_up(
        wait=clock.pass_
    )
    assert found.processes == (7,)
    assert server.done == []


def test_own_shared_memory_is_removed(clock: Clock) -> None:
    """Segments that no process holds any more are taken away."""
    server = FakeServer(CleanupVerified(time=0.0, shared_memory=("psm_1",)), CleanupVerified(time=0.0))
    assert Supervisor(server, list[Evidence]().append, clock=clock).clean_up(wait=clock.pass_).clean
    assert server.done == ["remove"]


def test_gpu_memory_is_looked_up_when_no_process_lives(clock: Clock) -> None:
    """What the drivers still hold is told with the rest, and is no clean end."""
    seen = list[Evidence]()
    supervisor = Supervisor(FakeServer(), seen.append, gpu_memory=lambda _: 5, clock=clock)
    found = supervisor.clean_up(wait=clock.pass_)
    assert (found.gpu_bytes, found.clean, seen) == (5, False, [found])


def test_gpu_memory_of_the_living_is_not_asked_for(clock: Clock) -> None:
    """A process that lives holds its memory by right: the process is what is left."""
    server = FakeServer(CleanupVerified(time=0.0, processes=(7,)))
    supervisor = Supervisor(server, list[Evidence]().append, gpu_memory=lambda _: 5, clock=clock)
    assert supervisor.clean_up(wait=clock.pass_).gpu_bytes is None
