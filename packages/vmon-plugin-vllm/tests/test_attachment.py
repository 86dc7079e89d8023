"""Watching one server: what is pushed at once, what is looked at on a schedule, and in which order it is told."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from vmon_core.evidence import (
    EngineCounted,
    Evidence,
    PhaseReached,
    Probed,
    ProcessExited,
    ProcessGone,
    ProcessSeen,
    Role,
    RoundTripped,
    ServerStarted,
)
from vmon_core.lifecycle.states import LifecycleState
from vmon_core.records import Sample, Target, Tick
from vmon_plugin_vllm.attachment import Attachment
from vmon_plugin_vllm.config import VllmConfig

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_testkit.pytest_plugin import StandInFactory
    from vmon_testkit.standin import StandIn

_E = TypeVar("_E", bound=Evidence)

PUSHED_SECONDS = 10.0
"""How long something that is pushed may take on a busy machine."""

SELDOM = VllmConfig(log_interval=3600.0)
"""The log is read when something else asks for it, and not by the clock."""


class Inbox:
    """Takes what is pushed, from any thread, in its order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._all: list[Evidence] = []

    def take(self, evidence: Iterable[Evidence]) -> None:
        """Take it in."""
        with self._changed:
            self._all += evidence
            self._changed.notify_all()

    @property
    def all(self) -> list[Evidence]:
        """Everything so far."""
        with self._changed:
            return list(self._all)

    def wait_for(self, *kinds: type[_E]) -> _E:
        """The first observation of these kinds."""

        def first() -> _E | None:
            return next((seen for seen in self._all if isinstance(seen, kinds)), None)

        with self._changed:
            found = self._changed.wait_for(first, PUSHED_SECONDS)
        assert found is not None, f"never pushed: {kinds}; but: {self.all}"
        return found


Attach = Callable[..., Attachment]


@pytest.fixture
def inbox() -> Inbox:
    """Where everything is pushed to."""
    return Inbox()


@pytest.fixture
def attach(inbox: Inbox) -> Iterator[Attach]:
    """Makes attachments that push to the inbox; they are closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(target: Target, config: VllmConfig | None = None) -> Attachment:
            attachment = Attachment(target, config or VllmConfig(), inbox.take)
            stack.callback(attachment.close)
            attachment.start()
            return attachment

        yield make


def target_of(server: StandIn, **changes: Any) -> Target:
    """The stand-in as a target that vmon launched itself."""
    known = {"url": server.url, "pid": server.pid, "log": str(server.log_path), "launch_id": "x"}
    return Target(name="t", **{**known, **changes})


def look(attachment: Attachment, state: LifecycleState = LifecycleState.SERVING, **tick: Any) -> list[Any]:
    """One look, as a tick in this state asks for it."""
    return list(attachment.look(Tick(tick.pop("time", time.time()), Target(name="t"), state, **tick)))


def paths(seen: list[Any]) -> set[str]:
    """What was asked over HTTP."""
    return {evidence.path for evidence in seen if isinstance(evidence, Probed)}


def test_one_look_sees_processes_routes_and_counters(standin: StandInFactory, attach: Attach) -> None:
    """Everything that a schedule brings, in one go."""
    server = standin()
    seen = look(attach(target_of(server)))
    roles = {evidence.role: evidence.pid for evidence in seen if isinstance(evidence, ProcessSeen)}
    assert roles[Role.MAIN] == server.pid
    assert roles[Role.ENGINE_CORE] == server.engine_pid
    assert roles[Role.WORKER] == server.worker_pids[0]
    assert {"/health", "/metrics", "/version", "/v1/models"} <= paths(seen)
    assert any(isinstance(evidence, EngineCounted) for evidence in seen)
    assert any(isinstance(sample, Sample) for sample in seen)


def test_log_of_an_own_server_is_pushed_from_its_beginning(
    standin: StandInFactory, attach: Attach, inbox: Inbox
) -> None:
    """Also what it said before the attachment."""
    attach(target_of(standin()))
    inbox.wait_for(ServerStarted)
    assert any(isinstance(seen, PhaseReached) for seen in inbox.all)


def test_log_of_a_foreign_server_is_read_from_now_on(standin: StandInFactory, attach: Attach, inbox: Inbox) -> None:
    """Its past is not ours: the times of those lines would be wrong."""
    server = standin()
    attachment = attach(target_of(server, launch_id=""), SELDOM)
    look(attachment)
    attachment._read_log()
    with server.log_path.open("a") as log:
        log.write("INFO:     Application startup complete.\n")
    attachment._read_log()
    assert [type(seen) for seen in inbox.all] == [ServerStarted]


@pytest.mark.parametrize("who", ["main", "worker"])
def test_death_is_pushed_after_the_log_before_it(
    standin: StandInFactory, attach: Attach, inbox: Inbox, who: str
) -> None:
    """What the log says about a stop decides what the death means, so it comes first; nobody looks in between."""
    server = standin()
    look(attach(target_of(server), SELDOM))
    assert inbox.all == []
    os.kill(server.pid if who == "main" else server.worker_pids[0], signal.SIGKILL)
    inbox.wait_for(ProcessGone, ProcessExited)
    kinds = [type(seen) for seen in inbox.all]
    assert kinds.index(ServerStarted) < min(kinds.index(k) for k in (ProcessGone, ProcessExited) if k in kinds)


def test_hung_server_is_asked_through_its_engine(standin: StandInFactory, attach: Attach) -> None:
    """Only a suspicion is worth it; a server that rests is left in peace."""
    attachment = attach(target_of(standin(environment={"VLLM_SERVER_DEV_MODE": "1"})), VllmConfig(scrape_interval=0.1))
    calm = look(attachment, LifecycleState.IDLE)
    hung = look(attachment, LifecycleState.HUNG, urgent=True)
    assert [seen for seen in calm if isinstance(seen, RoundTripped)] == []
    (trip,) = [seen for seen in hung if isinstance(seen, RoundTripped)]
    assert (trip.ok, trip.error) == (True, "")


def test_pace_of_the_questions(standin: StandInFactory, attach: Attach) -> None:
    """Not before its time, at once when it is urgent, not at all after the end, and again when it was out of reach."""
    attachment = attach(target_of(standin()), VllmConfig(scrape_interval=10.0))
    assert "/health" in paths(look(attachment, time=100.0))
    assert paths(look(attachment, time=105.0)) == set()
    assert "/health" in paths(look(attachment, time=106.0, urgent=True))
    assert paths(look(attachment, time=110.0)) == set()
    assert "/health" in paths(look(attachment, time=116.0))
    assert paths(look(attachment, LifecycleState.STOPPED, time=200.0)) == set()
    assert paths(look(attachment, LifecycleState.STOPPED, time=201.0, urgent=True)) == set()
    assert "/health" in paths(look(attachment, LifecycleState.UNREACHABLE, time=202.0))


def test_only_an_address(attach: Attach) -> None:
    """Without a process and a log there is still the door to knock at; nobody behind it is evidence, too."""
    (probed,) = look(attach(Target(name="t", url="http://127.0.0.1:9")))
    assert (probed.path, probed.error) == ("/health", "refused")


def test_nothing_to_look_at(attach: Attach) -> None:
    """A target of a caller who reports everything himself."""
    assert look(attach(Target(name="t"))) == []


def test_last_words_are_read_when_it_closes(tmp_path: Path, attach: Attach, inbox: Inbox) -> None:
    """What was written since the last look is not lost, and closing twice does no harm."""
    log = tmp_path / "server.log"
    log.write_text("")
    attachment = attach(Target(name="t", log=str(log), launch_id="x"), SELDOM)
    log.write_text("INFO:     Application startup complete.\n")
    attachment.close()
    assert [type(seen) for seen in inbox.all] == [ServerStarted]


def test_log_is_read_less_often_while_all_is_well(attach: Attach) -> None:
    """Deaths are told by the kernel; whoever asked for a slower pace keeps it."""
    quick, slow = attach(Target(name="t")), attach(Target(name="t"), VllmConfig(log_interval=30.0))
    pauses = []
    for state in (LifecycleState.LOADING_WEIGHTS, LifecycleState.SERVING, LifecycleState.STALLED):
        for attachment in (quick, slow):
            look(attachment, state)
            pauses.append(attachment._log_pause())
    assert pauses == [0.2, 30.0, 1.0, 30.0, 0.2, 30.0]


def test_nobody_is_watched_after_the_end(standin: StandInFactory, attach: Attach, inbox: Inbox) -> None:
    """A look that was going on while the attachment was closed finds processes, and leaves it at that."""
    server = standin()
    attachment = attach(target_of(server), SELDOM)
    going_on = attachment.look(Tick(time.time(), Target(name="t"), LifecycleState.SERVING))
    attachment.close()
    assert isinstance(next(going_on), ProcessSeen)
    os.kill(server.pid, signal.SIGKILL)
    server.wait_exit()
    assert not any(isinstance(seen, ProcessGone | ProcessExited) for seen in inbox.all)
