"""How much that is new each plugin and each owner may bring in: it costs the monitor memory, or the journal space."""

from __future__ import annotations

import threading
from collections import defaultdict, deque

TRIES, TRIES_WITHIN = 60, 60.0
"""Times that an owner may have code checked and run, and the seconds: an agent that corrects itself takes a few."""

PLUGIN_SERIES, OWNER_SERIES = 500, 5000
"""Series that a plugin and an owner may begin: the monitor's window keeps each as long as the monitor runs."""

PLUGIN_FINDINGS, OWNER_FINDINGS, FINDINGS_WITHIN = 100, 500, 600.0
"""Findings that a plugin and an owner may open, and the seconds: each is told, and written to the journal twice."""


class Allowance:
    """Counts what holders took lately; they are named by words, so that a replacement begins with what is left.

    Args:
        most: what each may take.
        seconds: after which it is given back; never, unless it is said.

    Examples:
        >>> allowance = Allowance(3, 60.0)
        >>> allowance.take("agent", 2, 0.0), allowance.take("agent", 2, 1.0), allowance.take("agent", 2, 61.0)
        (True, False, True)
    """

    def __init__(self, most: int, seconds: float = float("inf")) -> None:
        self.most = most
        self._seconds = seconds
        self._taken: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._lock = threading.Lock()

    def take(self, holder: str, number: int, now: float) -> bool:
        """Take so many at once, or nothing when they are too many.

        Args:
            holder: who.
            number: how many.
            now: Unix seconds.

        Returns:
            Whether they were taken.
        """
        with self._lock:
            taken = self._taken[holder]
            while taken and now - taken[0][0] >= self._seconds:
                taken.popleft()
            allowed = sum(count for _, count in taken) + number <= self.most
            if allowed and number:
                taken.append((now, number))
            return allowed


class Allowances:
    """The same for a plugin and its owner together.

    Args:
        plugin: what a plugin may take.
        owner: what all of an owner's may take.
    """

    def __init__(self, plugin: Allowance, owner: Allowance) -> None:
        self._plugin = plugin
        self._owner = owner

    def refuse(self, plugin: str, owner: str, number: int, now: float) -> str:
        """Take so many, or say in words why not."""
        if not self._plugin.take(plugin, number, now):
            return f"a plugin may begin {self._plugin.most}"
        if not self._owner.take(owner, number, now):
            return f"all plugins of an owner may begin {self._owner.most}"
        return ""
