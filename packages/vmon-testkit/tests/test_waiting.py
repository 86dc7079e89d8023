"""Waiting for a condition."""

from __future__ import annotations

import threading

import pytest

from vmon_testkit.waiting import wait_until


def test_it_goes_on_as_soon_as_it_is_true() -> None:
    """And gives back what it saw."""
    found: list[str] = []
    threading.Timer(0.05, found.append, ["here"]).start()
    assert wait_until(lambda: found) == ["here"]


def test_it_does_not_wait_for_ever() -> None:
    """What never comes fails the test."""
    with pytest.raises(AssertionError, match=r"in 0\.02 s"):
        wait_until(lambda: False, 0.02)
