"""What waits to be written: bounded, and when there is too much the recordings go before the events."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from vmon_core.journal.frames import Line

if TYPE_CHECKING:
    from collections.abc import Iterable

BACKLOG_BYTES = 16_000_000
"""How much may wait in memory while the disk cannot be written: some six hours of one busy deployment."""

_OVERHEAD = 200
"""What an item costs besides its text, in bytes, roughly."""


@attrs.frozen
class Statement:
    """One statement to execute.

    Attributes:
        sql: with placeholders.
        values: for them.
    """

    sql: str
    values: tuple[str | float | None, ...]


@attrs.frozen
class Seal:
    """A segment has ended and can be packed."""

    segment: int


Item = Statement | Line | Seal


class Backlog:
    """Items in the order in which they came.

    Args:
        limit: how much may wait, in bytes.

    Attributes:
        lost: how many items had to be dropped.
        generation: grows when lines of a segment that may still grow were lost; what follows needs new segments.
    """

    def __init__(self, limit: int = BACKLOG_BYTES) -> None:
        self.lost = 0
        self.generation = 0
        self._limit = limit
        self._items: deque[Item] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item) -> None:
        """Add an item, and drop the oldest when there are too many."""
        self._items.append(item)
        self._size += _size(item)
        self._shrink()

    def take(self) -> list[Item]:
        """Take everything out."""
        items = list(self._items)
        self._items.clear()
        self._size = 0
        return items

    def give_back(self, items: Iterable[Item]) -> None:
        """Put items back that could not be written; they are older than all others."""
        for item in reversed(list(items)):
            self._items.appendleft(item)
            self._size += _size(item)
        self._shrink()

    def _shrink(self) -> None:
        while self._size > self._limit and self._items:
            oldest = next((i.segment for i in self._items if not isinstance(i, Statement)), None)
            if oldest is None:
                self._keep(list(self._items)[1:])
            else:
                # Lines build upon each other, so a segment goes as a whole.
                self._keep([i for i in self._items if isinstance(i, Statement) or i.segment != oldest])
                self.generation += 1

    def _keep(self, items: list[Item]) -> None:
        self.lost += len(self._items) - len(items)
        self._items = deque(items)
        self._size = sum(map(_size, items))


def _size(item: Item) -> int:
    if isinstance(item, Line):
        return _OVERHEAD + len(item.text)
    if isinstance(item, Statement):
        return _OVERHEAD + sum(len(v) for v in item.values if isinstance(v, str))
    return _OVERHEAD
