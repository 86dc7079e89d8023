"""Write what waits into the file, in one transaction, and keep the file within its limits."""

from __future__ import annotations

import zlib
from itertools import groupby
from typing import TYPE_CHECKING

from vmon_core.journal.backlog import Seal, Statement
from vmon_core.journal.frames import SEGMENT_SECONDS, Line
from vmon_core.journal.store import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from vmon_core.journal.backlog import Item
    from vmon_core.journal.options import JournalOptions

EVENTS_AT_ONCE = 100
"""How many of the oldest events go at once when the file is too large and holds no recordings that may go."""

_NEWEST = "SELECT max(id) FROM events WHERE kind IN ('transition', 'checkpoint') GROUP BY target, kind"
"""The last word on each deployment's state; it stays however old it is, since nothing may have changed for months."""


def write(connection: sqlite3.Connection, items: Iterable[Item]) -> None:
    """Write items in their order, all of them or none.

    Raises:
        sqlite3.Error: it was not possible.
    """
    with transaction(connection):
        for segment, group in groupby(items, key=lambda i: i.segment if isinstance(i, Line) else None):
            members = list(group)
            if segment is None:
                _write_others(connection, members)
            else:
                _write_lines(connection, [i for i in members if isinstance(i, Line)])


def _write_others(connection: sqlite3.Connection, items: Iterable[Item]) -> None:
    for item in items:
        if isinstance(item, Statement):
            connection.execute(item.sql, item.values)
        elif isinstance(item, Seal):
            _seal(connection, item.segment)


def _write_lines(connection: sqlite3.Connection, lines: list[Line]) -> None:
    last = lines[-1]
    connection.execute(
        "INSERT INTO segments VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET last = excluded.last",
        (last.segment, last.target, last.opened, last.time),
    )
    text = "\n".join(line.text for line in lines)
    connection.execute("INSERT INTO chunks (segment, body) VALUES (?, ?)", (last.segment, text))


def _seal(connection: sqlite3.Connection, segment: int) -> None:
    """Pack a segment that has ended into one compressed row."""
    rows = connection.execute("SELECT body FROM chunks WHERE segment = ? ORDER BY id", (segment,)).fetchall()
    bodies = [body for (body,) in rows if isinstance(body, str)]
    if not bodies or len(bodies) < len(rows):
        return
    packed = zlib.compress("\n".join(bodies).encode("ascii"), 6)
    connection.execute("DELETE FROM chunks WHERE segment = ?", (segment,))
    connection.execute("INSERT INTO chunks (segment, body) VALUES (?, ?)", (segment, packed))


# --- limits ---


def prune(connection: sqlite3.Connection, options: JournalOptions, now: float) -> None:
    """Delete what is too old, then the oldest of the rest while the file is too large, and give the room back.

    A recording that grew within the last hour stays: it may still be written. So do the newest transition and
    checkpoint of each deployment.

    Args:
        connection: open for writing.
        options: how much is kept.
        now: the present in Unix seconds.

    Raises:
        sqlite3.Error: it was not possible.
    """
    with transaction(connection):
        _delete_old(connection, now - options.max_age)
        while _used(connection) > options.max_size and _delete_oldest(connection, now - SEGMENT_SECONDS):
            pass
    # A script, because the vacuum frees one page a step and `execute` takes a single step when no row comes back.
    connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")


def _delete_old(connection: sqlite3.Connection, before: float) -> None:
    connection.execute(f"DELETE FROM events WHERE time < ? AND id NOT IN ({_NEWEST})", (before,))  # noqa: S608 (a constant)
    connection.execute("DELETE FROM launches WHERE closed < ?", (before,))
    connection.execute("DELETE FROM startups WHERE time < ?", (before,))
    _delete_segments(connection, "SELECT id FROM segments WHERE last < ?", before)


def _delete_oldest(connection: sqlite3.Connection, quiet_since: float) -> bool:
    """Delete the oldest recording, or the oldest events when there is none; says whether anything was deleted."""
    oldest = "SELECT id FROM segments WHERE last < ? ORDER BY opened LIMIT 1"
    if _delete_segments(connection, oldest, quiet_since):
        return True
    events = f"SELECT id FROM events WHERE id NOT IN ({_NEWEST}) ORDER BY id LIMIT {EVENTS_AT_ONCE}"  # noqa: S608 (constants)
    return connection.execute(f"DELETE FROM events WHERE id IN ({events})").rowcount > 0  # noqa: S608 (likewise)


def _delete_segments(connection: sqlite3.Connection, which: str, before: float) -> bool:
    connection.execute(f"DELETE FROM chunks WHERE segment IN ({which})", (before,))  # noqa: S608 (a constant)
    return connection.execute(f"DELETE FROM segments WHERE id IN ({which})", (before,)).rowcount > 0  # noqa: S608 (likewise)


def _used(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    used: int = (pages - free) * size
    return used
