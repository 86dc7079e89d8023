"""The database file: how it is opened, laid out, brought up to date, and moved aside when it is damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from vmon_core.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

APPLICATION_ID = 0x766D6F6E
"""Marks the file as ours ("vmon" in ASCII; https://www.sqlite.org/pragma.html#pragma_application_id)."""

BUSY_SECONDS = 5.0
"""How long a statement waits for another process that holds the lock."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE launches (
            id INTEGER PRIMARY KEY, target TEXT NOT NULL, identity TEXT NOT NULL UNIQUE,
            opened REAL, closed REAL, body TEXT NOT NULL
        )""",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY, target TEXT NOT NULL, time REAL,
            kind TEXT NOT NULL, ref TEXT NOT NULL, body TEXT NOT NULL
        )""",
        "CREATE INDEX events_by_time ON events (target, time)",
        "CREATE INDEX events_by_kind ON events (target, kind, time)",
        "CREATE TABLE segments (id INTEGER PRIMARY KEY, target TEXT NOT NULL, opened REAL, last REAL)",
        "CREATE INDEX segments_by_time ON segments (target, opened)",
        "CREATE TABLE chunks (id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, body NOT NULL)",
        "CREATE INDEX chunks_by_segment ON chunks (segment)",
        "CREATE TABLE startups (id INTEGER PRIMARY KEY, key TEXT NOT NULL, time REAL, body TEXT NOT NULL)",
        "CREATE INDEX startups_by_key ON startups (key)",
    ),
    (
        """CREATE TABLE documents (
            owner TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
            time REAL NOT NULL, body TEXT NOT NULL, removed REAL, PRIMARY KEY (owner, name, version)
        )""",
    ),
)
"""Each entry takes the file from one version to the next; entries are only ever added.

A chunk is text (lines of a segment, see `frames`) or, once its segment has ended, the whole segment as a zlib blob."""

_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file; statements are committed one by one unless a transaction is begun.

    Args:
        path: the file; it is created when it is missing and may be.
        read_only: change nothing.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    uri = f"{path.absolute().as_uri()}?{_looking(path) if read_only else 'mode=rwc'}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _looking(path: Path) -> str:
    """How to open the file for reading.

    SQLite needs side files even then; where there are none and none can be made, it must be told that nobody writes
    (https://www.sqlite.org/wal.html#read_only_databases).
    """
    side_files = path.with_name(f"{path.name}-wal").exists() or os.access(path.parent, os.W_OK)
    return "mode=ro" if side_files else "mode=ro&immutable=1"


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the file for writing, and create it or bring it up to date first.

    Raises:
        OSError, sqlite3.Error: it cannot be used now.
        JournalError: it can never be used: it is from a newer vmon, or no journal at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _create_private(path)
    connection = connect(path)
    try:
        _prepare(connection)
        check(connection, path)
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _create_private(path: Path) -> None:
    """Create an empty file that only its owner can read; SQLite gives its side files the same mode."""
    path.touch(mode=0o600, exist_ok=True)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect in an empty file only, before WAL
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 4000000")
    connection.execute("PRAGMA cache_size = -1000")  # one megabyte: a journal is written, hardly ever read again


def check(connection: sqlite3.Connection, path: Path) -> int:
    """Make sure that the file is a journal of a version that this vmon knows.

    Returns:
        Its version; 0 for an empty file.

    Raises:
        JournalError: it is not; the message says what to do.
    """
    version = int(_pragma(connection, "user_version"))
    used = bool(_pragma(connection, "schema_version"))  # before the mark: another vmon may just be making the file
    application = int(_pragma(connection, "application_id"))
    if application != APPLICATION_ID and used:
        msg = f"{path} is an SQLite database but no journal of vmon: name another file in [journal] path"
        raise JournalError(msg)
    if version > len(MIGRATIONS):
        msg = (
            f"{path} was written by a newer vmon: it has journal version {version}, this vmon knows up to "
            f"{len(MIGRATIONS)}. Update vmon, or name another file in [journal] path"
        )
        raise JournalError(msg)
    return version


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the file up to the newest version, in one transaction.

    Args:
        connection: the open file.
        migrations: what leads to each version.
    """
    if _pragma(connection, "user_version") == len(migrations):
        return
    with transaction(connection):
        # Read again under the lock: another process may have just done it.
        for step in migrations[int(_pragma(connection, "user_version")) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done within, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite ends the transaction by itself on some errors, a full disk among them.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def is_damaged(error: Exception) -> bool:
    """Whether an error says that the file itself is broken, or was never a database."""
    return (getattr(error, "sqlite_errorname", None) or "").startswith(tuple(_DAMAGED))


def set_aside(path: Path, now: float) -> Path:
    """Move a damaged file and its side files out of the way; nothing of them is lost.

    Args:
        path: the file.
        now: the present in Unix seconds, for the new name.

    Returns:
        Where it is now.

    Raises:
        OSError: it cannot be moved.
    """
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    moved = path.with_name(f"{path.name}.corrupt-{stamp}")
    path.rename(moved)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(moved.with_name(moved.name + suffix))
    return moved


@contextlib.contextmanager
def explained(path: Path, done: str) -> Iterator[None]:
    """Say in plain words what could not be done with the file.

    Args:
        path: the file.
        done: what was about to be done, such as `read`.

    Raises:
        JournalError: it was not possible.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        msg = f"{path} cannot be {done}: {reason(error)}"
        raise JournalError(msg) from error


_REASONS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the file or its folder is read-only",
    "SQLITE_BUSY": "another process holds it locked",
    "SQLITE_LOCKED": "another process holds it locked",
    "SQLITE_CANTOPEN": "it cannot be opened",
    "SQLITE_IOERR": "the disk reports an error",
}


def reason(error: Exception) -> str:
    """Say in plain words why a file cannot be used."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    name = getattr(error, "sqlite_errorname", None) or ""
    known = next((text for code, text in _REASONS.items() if name.startswith(code)), "")
    return f"{known} ({error})" if known else str(error)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
