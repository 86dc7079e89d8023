"""Wait for something that another thread or process is about to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

PACE = 0.005
"""Seconds between two looks."""


def wait_until(condition: Callable[[], _T], seconds: float = 20.0) -> _T:
    """Look until a condition is true, so that no test has to guess how long something takes.

    Args:
        condition: what to look at.
        seconds: how long to look at most; generous, since a busy machine is no failure.

    Returns:
        What `condition` returned.

    Raises:
        AssertionError: it did not become true in time.

    >>> looks = iter([0, 0, 7])
    >>> wait_until(lambda: next(looks))
    7
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not become true in {seconds:g} s"  # noqa: S101 (a check for tests)
        time.sleep(PACE)
    return found
