"""The lifecycle's rules, one situation at a time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core import evidence as ev
from vmon_core.evidence import Role
from vmon_core.lifecycle.states import STARTUP_ORDER, LifecycleState, Stage
from vmon_core.lifecycle.tracker import LifecycleTracker

S = LifecycleState

MAIN, ENGINE, WORKER = 10, 11, 12


def started(*, ready: float = 10.0) -> list[ev.Evidence]:
    """A launch at 0 that is ready at `ready`."""
    return [
        ev.ActionTaken(time=0.0, action="launch"),
        ev.ProcessSeen(time=0.1, pid=MAIN, role=Role.MAIN, name="main"),
        ev.PhaseReached(time=1.0, state=S.INITIALIZING),
        ev.ProcessSeen(time=2.0, pid=ENGINE, parent=MAIN, role=Role.ENGINE_CORE, name="EngineCore"),
        ev.ProcessSeen(time=4.0, pid=WORKER, parent=ENGINE, role=Role.WORKER, name="Worker"),
        ev.PhaseReached(time=5.0, state=S.LOADING_WEIGHTS),
        ev.ServerStarted(time=ready),
    ]


def counted(time: float, steps: float, *, running: float = 0, waiting: float = 0) -> ev.EngineCounted:
    """A scrape."""
    return ev.EngineCounted(time=time, steps=steps, generated=steps * 4, running=running, waiting=waiting)


def look(time: float, *, cpu: float = 0.0, worker: str = "S", engine: str = "S") -> list[ev.Evidence]:
    """A look at the engine's processes."""
    return [
        ev.ProcessSampled(time=time, pid=ENGINE, status=engine, cpu_seconds=cpu),
        ev.ProcessSampled(time=time, pid=WORKER, status=worker, cpu_seconds=cpu),
    ]


def follow(*evidence: ev.Evidence, until: float | None = None) -> LifecycleTracker:
    """Let a tracker see everything, in the order of time, and judge at `until`."""
    tracker = LifecycleTracker()
    tracker.observe(sorted(evidence, key=lambda e: e.time), until)
    return tracker


def visited(tracker: LifecycleTracker) -> list[LifecycleState]:
    """The states in the order in which they were entered."""
    return [c.state for c in tracker.changes]


def test_start_passes_phases_in_order() -> None:
    """A start moves through the phases that were proved and ends IDLE."""
    tracker = follow(*started())
    assert visited(tracker) == [
        S.LAUNCHING,
        S.INITIALIZING,
        S.STARTING_ENGINE,
        S.CONNECTING_WORKERS,
        S.LOADING_WEIGHTS,
        S.IDLE,
    ]


def test_phases_partition_the_start() -> None:
    """The phases add up to the time from launch to ready, without a gap."""
    phases = follow(*started(ready=10.0)).phases()
    assert sum(p.seconds for p in phases) == pytest.approx(10.0)
    assert all(a.end == b.start for a, b in itertools.pairwise(phases))


def test_late_line_does_not_move_a_start_back() -> None:
    """A line of an earlier phase, printed by a slower rank, changes nothing."""
    late = ev.PhaseReached(time=6.0, state=S.CONNECTING_WORKERS)
    assert visited(follow(*started(), late)) == visited(follow(*started()))


def test_progress_makes_it_serving_and_rest_makes_it_idle() -> None:
    """Counters that advance mean SERVING; counters at rest with nothing in flight mean IDLE."""
    scrapes = [counted(10.5, 0), counted(11, 5, running=1), counted(12, 9), counted(13, 9), counted(14.5, 9)]
    assert visited(follow(*started(), *scrapes))[-3:] == [S.IDLE, S.SERVING, S.IDLE]


def test_queue_seen_in_most_scrapes_is_saturation() -> None:
    """Gauges alias between steps: an overloaded real server shows 36, 0, 19, 0, 16 … waiting."""
    waiting = [36, 0, 19, 0, 16, 21]
    scrapes = [counted(11 + 2 * n, 10 * n, running=4, waiting=w) for n, w in enumerate(waiting)]
    tracker = follow(*started(), counted(10.5, 0), *scrapes)
    assert tracker.state is S.SATURATED
    tracker.observe([counted(23 + n, 100 + n, running=2) for n in range(3)])
    assert tracker.state is S.SERVING


def test_short_queue_is_no_saturation() -> None:
    """A burst that is gone by the next scrape is ordinary traffic."""
    scrapes = [counted(11 + n, 10 * n, running=4, waiting=3 if n % 3 == 0 else 0) for n in range(10)]
    assert S.SATURATED not in visited(follow(*started(), counted(10.5, 0), *scrapes))


def test_stopped_engine_is_stalled_then_hung_then_serving() -> None:
    """A stopped engine under traffic is STALLED at once, HUNG within ten seconds, and recovers."""
    seen: list[ev.Evidence] = [counted(11, 1, running=2), counted(12, 5, running=2)]
    for second in range(13, 23):
        seen += [counted(second, 5, running=2), *look(second, engine="T")]
        seen += [ev.Probed(time=second, path="/health", code=200)]
    tracker = follow(*started(), *seen)
    hung = next(c for c in tracker.changes if c.state is S.HUNG)
    stalled = next(c for c in tracker.changes if c.state is S.STALLED)
    assert stalled.time <= 13 + 3
    assert hung.time <= 13 + 10
    tracker.observe([*look(24), counted(24, 9, running=2)])
    assert tracker.state is S.SERVING


def test_engine_stopped_between_two_requests_is_hung_too() -> None:
    """Gauges that froze at zero do not hide the work: counters moved until the engine was stopped."""
    seen: list[ev.Evidence] = [counted(11, 1), counted(12, 5)]
    for second in range(13, 23):
        seen += [counted(second, 5), *look(second, engine="T")]
    assert follow(*started(), *seen).state is S.HUNG


def test_idle_engine_that_is_stopped_is_only_stalled() -> None:
    """Nobody waits for an engine that had nothing to do, so it is not called hung."""
    seen: list[ev.Evidence] = [counted(second, 5) for second in range(11, 30)]
    seen += [e for second in range(30, 50) for e in (counted(second, 5), *look(second, engine="T"))]
    assert follow(*started(), counted(10.5, 5), *seen).state is S.STALLED


def test_busy_server_whose_probes_time_out_is_not_hung() -> None:
    """Probes that time out while the counters move mean load, not a hang."""
    seen: list[ev.Evidence] = [counted(10.5, 0, waiting=50)]
    for second in range(11, 60):
        seen.append(ev.Probed(time=second, path="/health", error="timeout", seconds=1.0))
        seen += look(second, cpu=second)
        if second % 10 == 0:
            seen.append(counted(second, second, running=4, waiting=50))
    assert not {S.HUNG, S.STALLED, S.UNREACHABLE} & set(visited(follow(*started(), *seen)))


def test_busy_worker_without_steps_is_recompiling() -> None:
    """Work in flight, no steps, but a compiler runs: RECOMPILING, not HUNG."""
    seen: list[ev.Evidence] = [counted(11, 1, running=1), counted(12, 2, running=1)]
    seen.append(ev.ProcessSeen(time=12.5, pid=99, parent=WORKER, role=Role.COMPILER, name="cc1plus"))
    for second in range(13, 40):
        seen += [counted(second, 2, running=1), *look(second, cpu=second)]
    states = set(visited(follow(*started(), *seen)))
    assert S.RECOMPILING in states
    assert S.HUNG not in states


def test_frozen_gauge_alone_decides_nothing() -> None:
    """A running gauge stuck above zero with stale scrapes proves no hang."""
    seen = [counted(11, 1, running=3), counted(12, 2, running=3)]
    assert follow(*started(), *seen, until=60.0).state is S.SERVING


def test_worker_death_without_stop_is_a_crash() -> None:
    """A worker that vanishes while nobody asked for a stop is a crash at once, and exit code 0 does not change that."""
    tracker = follow(*started(), ev.ProcessGone(time=20.0, pid=WORKER))
    assert tracker.state is S.CRASHED
    tracker.observe([ev.ProcessExited(time=21.3, pid=MAIN, main=True, code=0)])
    assert tracker.state is S.CRASHED


def test_same_lines_after_a_stop_request_are_no_crash() -> None:
    """EngineDeadError and dying workers belong to a stop that was asked for."""
    tracker = follow(
        *started(),
        ev.ActionTaken(time=20.0, action="SIGTERM"),
        ev.FailureSeen(time=20.1, code="engine.died", cause="EngineDeadError"),
        ev.ProcessGone(time=20.2, pid=WORKER),
        ev.ProcessGone(time=20.2, pid=ENGINE),
        ev.ProcessExited(time=20.5, pid=MAIN, main=True, code=0),
    )
    assert visited(tracker)[-2:] == [S.STOPPING, S.STOPPED]


def test_exit_before_ready_is_a_failed_start() -> None:
    """A process that ends before it was ready failed to start, whatever its exit code."""
    for code in (0, 1, 2):
        tracker = follow(*started()[:4], ev.ProcessExited(time=8.0, pid=MAIN, main=True, code=code))
        assert tracker.state is S.FAILED_TO_START


def test_overdue_stop_is_stuck() -> None:
    """A stop that is not obeyed in time is STUCK_STOPPING."""
    tracker = follow(*started(), ev.ActionTaken(time=20.0, action="SIGTERM"), until=40.0)
    assert tracker.state is S.STUCK_STOPPING


def test_killed_main_with_orphans_is_killed_then_leftovers() -> None:
    """SIGKILL of the main process is KILLED; an engine that lives on makes it LEFTOVERS."""
    tracker = follow(*started(), ev.ProcessExited(time=20.0, pid=MAIN, main=True, signal=9), until=36.0)
    assert visited(tracker)[-2:] == [S.KILLED, S.LEFTOVERS]


def test_verified_clean_up_ends_leftovers() -> None:
    """Only a verified clean-up takes LEFTOVERS back."""
    tracker = follow(*started(), ev.ProcessExited(time=20.0, pid=MAIN, main=True, signal=9), until=36.0)
    tracker.observe([ev.ProcessGone(time=40.0, pid=ENGINE), ev.ProcessGone(time=40.0, pid=WORKER)])
    assert tracker.state is S.LEFTOVERS
    tracker.observe([ev.CleanupVerified(time=41.0, port_free=True)])
    assert tracker.state is S.KILLED


def test_url_alone_is_unreachable_then_idle() -> None:
    """With nothing but a URL, refusals mean UNREACHABLE and /health 200 means IDLE."""
    tracker = follow(ev.Probed(time=0.0, path="/health", error="refused"))
    assert tracker.state is S.UNREACHABLE
    tracker.observe([ev.Probed(time=1.0, path="/health", code=200)])
    assert tracker.state is S.IDLE


def test_dead_delivery_thread_is_hung_although_paused() -> None:
    """A conclusive suspicion outweighs a pause: no answer will come any more."""
    tracker = follow(
        *started(),
        ev.SuspicionRaised(time=20.0, code="engine.unresponsive", conclusive=True, summary="thread died"),
        ev.SchedulerPaused(time=21.0, paused=True, mode="PAUSED_NEW"),
    )
    assert tracker.state is S.HUNG


_TIMES = st.floats(0, 100, allow_nan=False)
_EVIDENCE = st.one_of(
    st.builds(ev.ActionTaken, time=_TIMES, action=st.sampled_from(["launch", "SIGTERM", "SIGKILL", "attach"])),
    st.builds(ev.ProcessSeen, time=_TIMES, pid=st.integers(1, 5), role=st.sampled_from(list(Role))),
    st.builds(
        ev.ProcessSampled,
        time=_TIMES,
        pid=st.integers(1, 5),
        status=st.sampled_from("RSDTZ"),
        cpu_seconds=st.floats(0, 100),
    ),
    st.builds(ev.ProcessGone, time=_TIMES, pid=st.integers(1, 5)),
    st.builds(ev.ProcessExited, time=_TIMES, pid=st.integers(1, 5), main=st.booleans(), code=st.integers(0, 2)),
    st.builds(ev.PhaseReached, time=_TIMES, state=st.sampled_from(STARTUP_ORDER)),
    st.builds(ev.ServerStarted, time=_TIMES),
    st.builds(ev.Probed, time=_TIMES, path=st.just("/health"), code=st.sampled_from([None, 200, 503])),
    st.builds(ev.EngineCounted, time=_TIMES, steps=st.floats(0, 9), running=st.floats(0, 9), waiting=st.floats(0, 9)),
    st.builds(ev.FailureSeen, time=_TIMES, code=st.just("engine.died"), cause=st.just("it died")),
    st.builds(ev.SchedulerPaused, time=_TIMES, paused=st.booleans()),
    st.builds(ev.CleanupVerified, time=_TIMES),
)


@given(st.lists(_EVIDENCE, max_size=30))
def test_any_evidence_in_any_order_keeps_the_rules(evidence: list[ev.Evidence]) -> None:
    """Whatever comes, start-up moves only forward, changes are real, and phases have no gap."""
    tracker = LifecycleTracker()
    tracker.observe(sorted(evidence, key=lambda e: e.time))
    changes = tracker.changes
    assert all(c.origin is not c.state for c in changes)
    assert [c.state for c in changes[:-1]] == [c.origin for c in changes[1:]]
    first_run = []
    for change in changes:
        if change.state.stage is not Stage.STARTUP:
            break
        first_run.append(STARTUP_ORDER.index(change.state))
    assert first_run == sorted(first_run)
    phases = tracker.phases(100.0)
    assert all(a.end == b.start for a, b in itertools.pairwise(phases))


@given(st.lists(_EVIDENCE, max_size=20))
def test_judging_is_deterministic(evidence: list[ev.Evidence]) -> None:
    """The same evidence gives the same transitions."""
    assert follow(*evidence).changes == follow(*evidence).changes
