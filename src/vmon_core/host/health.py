"""How each implementation of a hook fares: counts, times, and when it may be called again.

After `TOLERATED` failures in a row an implementation is left alone for a while that doubles with each further failure.
Then it gets one try; a success makes all well again.
"""

from __future__ import annotations

from math import inf

import attrs

TOLERATED = 3
"""Failures in a row before the first pause: one can be an accident, three are not."""

FIRST_PAUSE = 1.0
"""Seconds of the first pause."""

LONGEST_PAUSE = 300.0
"""Seconds of the longest pause: what is mended comes back within five minutes."""


@attrs.define
class Health:
    """The record of one implementation; all times in seconds.

    Attributes:
        calls, failures: how many there were.
        in_a_row: failures since the last success.
        total_seconds, worst_seconds: what its calls took.
        last_error: what went wrong last.
        paused_until: not to be called before this time.
        stuck: a call of it overran its deadline and has not returned yet.
    """

    calls: int = 0
    failures: int = 0
    in_a_row: int = 0
    total_seconds: float = 0.0
    worst_seconds: float = 0.0
    last_error: str = ""
    paused_until: float = 0.0
    stuck: bool = False

    def may_run(self, now: float) -> bool:
        """Whether it may be called at this time."""
        return not self.stuck and now >= self.paused_until

    def succeeded(self, seconds: float) -> None:
        """Note a call that went well."""
        self._count(seconds)
        self.noticed(seconds)

    def noticed(self, seconds: float) -> None:
        """Note what is worth noting of a call that went well and was counted: the end of a row, a new worst time."""
        self.in_a_row = 0
        self.paused_until = 0.0
        self.worst_seconds = max(self.worst_seconds, seconds)

    def failed(self, error: str, seconds: float, now: float) -> None:
        """Note a call that failed, and pause when there were too many."""
        self._count(seconds)
        self.failures += 1
        self.in_a_row += 1
        self.last_error = error
        if self.in_a_row >= TOLERATED:
            self.paused_until = now + min(FIRST_PAUSE * 2 ** min(self.in_a_row - TOLERATED, 30), LONGEST_PAUSE)

    def shut_out(self, why: str) -> None:
        """Call it no more until it is readmitted."""
        self.last_error = why
        self.paused_until = inf

    def readmit(self) -> None:
        """Call it again when it was shut out; a pause of another kind goes on."""
        if self.paused_until == inf:
            self.paused_until = 0.0

    def _count(self, seconds: float) -> None:
        self.calls += 1
        self.total_seconds += seconds
        self.worst_seconds = max(self.worst_seconds, seconds)

    @property
    def quarantined(self) -> bool:
        """Whether it failed too often of late, or was shut out."""
        return self.in_a_row >= TOLERATED or self.paused_until == inf
