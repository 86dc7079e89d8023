"""How a code plugin fares, and when it has to pause or to stop."""

from __future__ import annotations

from typing import Any

import attrs

from vmon_core.dynamic import Problem

STATUSES = ("active", "quarantined", "disabled")
"""How a plugin can fare."""

LIMITS_IN_A_ROW = 3
"""After so many limits or crashes in a row a plugin is left alone for a while: each of them costs a worker."""

ERRORS_IN_A_ROW = 10
"""After so many errors in a row it is taken for broken."""

PAUSE, LONGEST_PAUSE = 60.0, 3600.0
"""Seconds of the first pause, which doubles with each further one, and of the longest."""


@attrs.define
class Health:
    """Counts and pauses of one version of a plugin.

    Attributes:
        runs, errors: how often it ran, and failed.
        no_data: how often a function had nothing to read.
        delayed: how often it was put off because the workers were busy.
        seconds, worst: of the workers' time, in all and of the longest run.
        pauses: in a row, without a good run between them.
        paused_until: Unix seconds.
        disabled: why it does not run any more, "" when it does.
        problem: the latest one.
    """

    runs: int = 0
    errors: int = 0
    no_data: int = 0
    delayed: int = 0
    seconds: float = 0.0
    worst: float = 0.0
    pauses: int = 0
    paused_until: float = 0.0
    disabled: str = ""
    problem: Problem | None = None
    limits_in_a_row: int = 0
    errors_in_a_row: int = 0

    def may_run(self, now: float) -> bool:
        """Whether it is neither disabled nor paused."""
        return not self.disabled and now >= self.paused_until

    def took(self, seconds: float) -> None:
        """Count a run."""
        self.runs += 1
        self.seconds += seconds
        self.worst = max(self.worst, seconds)

    def succeeded(self) -> None:
        """Note that a run went well."""
        self.limits_in_a_row = self.errors_in_a_row = self.pauses = 0

    def failed(self, problem: Problem, now: float, *, hard: bool = False) -> str:
        """Note that a run failed.

        Args:
            problem: how.
            now: Unix seconds.
            hard: it reached a limit, or its worker died.

        Returns:
            What has to be told: that it pauses or stops; "" when it goes on.
        """
        self.errors += 1
        self.problem = problem
        if hard:
            self.limits_in_a_row += 1
            return self._pause(problem, now) if self.limits_in_a_row >= LIMITS_IN_A_ROW else ""
        self.limits_in_a_row = 0
        self.errors_in_a_row += 1
        if self.errors_in_a_row < ERRORS_IN_A_ROW:
            return ""
        self.disabled = f"{self.errors_in_a_row} errors in a row, the last one: {problem.message}"
        return f"is disabled after {self.disabled}"

    def _pause(self, problem: Problem, now: float) -> str:
        seconds = min(PAUSE * 2.0**self.pauses, LONGEST_PAUSE)
        self.limits_in_a_row = 0
        self.pauses += 1
        self.paused_until = now + seconds
        return f"pauses for {seconds:g} s after {LIMITS_IN_A_ROW} limits in a row, the last one: {problem.message}"

    def describe(self, now: float) -> dict[str, Any]:
        """Plain data."""
        problem = attrs.asdict(self.problem) if self.problem is not None else None
        counts = {name: getattr(self, name) for name in ("runs", "errors", "no_data", "delayed", "seconds", "worst")}
        return {"status": self.status(now), **counts, "problem": problem, "disabled": self.disabled}

    def status(self, now: float) -> str:
        """One word."""
        return "disabled" if self.disabled else "quarantined" if now < self.paused_until else "active"
