"""Pauses grow with failures, up to a bound, and a success ends them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmon_core.host.health import FIRST_PAUSE, LONGEST_PAUSE, TOLERATED, Health


@given(st.integers(TOLERATED, 40))
def test_pause_doubles_up_to_its_bound(failures: int) -> None:
    """Each further failure doubles the pause."""
    health = Health()
    for _ in range(failures):
        health.failed("x", 0.1, 1000.0)
    expected = min(FIRST_PAUSE * 2 ** (failures - TOLERATED), LONGEST_PAUSE)
    assert health.paused_until == 1000.0 + expected
    assert not health.may_run(1000.0)
    assert health.may_run(1000.0 + expected)


@given(st.lists(st.booleans(), max_size=50))
def test_success_makes_all_well(outcomes: list[bool]) -> None:
    """Whatever happened before, after a success it may run at once."""
    health = Health()
    for good in [*outcomes, True]:
        if good:
            health.succeeded(0.1)
        else:
            health.failed("x", 0.1, 5.0)
    assert health.may_run(0.0)
    assert not health.quarantined
    assert (health.calls, health.failures) == (len(outcomes) + 1, outcomes.count(False))


def test_few_failures_are_tolerated() -> None:
    """One or two failures are accidents."""
    health = Health()
    for _ in range(TOLERATED - 1):
        health.failed("x", 0.1, 5.0)
    assert health.may_run(5.0)


def test_shut_out_until_readmitted() -> None:
    """However long it takes."""
    health = Health()
    health.shut_out("not started")
    assert (health.may_run(1e12), health.quarantined, health.last_error) == (False, True, "not started")
    health.readmit()
    assert (health.may_run(0.0), health.quarantined) == (True, False)


def test_readmission_ends_no_other_pause() -> None:
    """What failed too often comes back by itself, and not before."""
    health = Health(paused_until=7.0)
    health.readmit()
    assert not health.may_run(6.9)
