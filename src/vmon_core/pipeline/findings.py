"""Keep track of which findings are open, so that each is told once when it appears and once when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.records import Finding

_Key = tuple[str, str, tuple[str, ...]]


class OpenFindings:
    """The findings that hold now; analyzers report them again and again, people want to hear of them once."""

    def __init__(self) -> None:
        self._open: dict[_Key, Finding] = {}

    @property
    def all(self) -> tuple[Finding, ...]:
        """The open findings, the oldest first."""
        return tuple(self._open.values())

    @property
    def codes(self) -> tuple[str, ...]:
        """Their codes, sorted, each once."""
        return tuple(sorted({f.code for f in self._open.values()}))

    def update(self, reported: Iterable[Finding], now: float) -> tuple[Finding, ...]:
        """Compare with what the analyzers report now.

        Args:
            reported: everything that holds at this moment.
            now: the moment.

        Returns:
            What is news: findings that are new or got worse, then those that are over (`cleared`).
        """
        current = {_key(f): f for f in reported}
        news = [f for key, f in current.items() if key not in self._open or f.severity > self._open[key].severity]
        over = [attrs.evolve(f, cleared=True, time=now) for key, f in self._open.items() if key not in current]
        kept = {key: self._open[key] for key in self._open if key in current}
        self._open = {**kept, **{_key(f): f for f in news}}
        return (*news, *over)


def _key(finding: Finding) -> _Key:
    return (finding.source, finding.code, finding.entities)
