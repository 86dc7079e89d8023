"""Small records that are kept by name with their latest versions, such as plugins that came as code strings."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, TypeVar

from vmon_core.dynamic import KEPT_REMOVED, KEPT_VERSIONS
from vmon_core.errors import JournalError
from vmon_core.journal import store
from vmon_core.journal.codec import to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from vmon_core.journal.writer import Writer

_T = TypeVar("_T")

SINCE_VERSION = 2
"""The version of the file from which on it has documents."""

_CURRENT = """SELECT name, body FROM documents AS d WHERE owner = ? AND removed IS NULL
    AND version = (SELECT max(version) FROM documents WHERE owner = d.owner AND name = d.name)"""

_REMOVED_LONG_AGO = """DELETE FROM documents WHERE owner = ?1 AND name IN (
    SELECT name FROM documents WHERE owner = ?1 GROUP BY name HAVING count(*) = count(removed)
    ORDER BY max(removed) DESC LIMIT -1 OFFSET ?2)"""


class JournalDocuments:
    """The documents of one owner in the journal's file; see `vmon_core.dynamic.Documents`.

    Each call opens the file anew: several processes may share it, and calls are rare. What is put survives a loss of
    power.

    Args:
        writer: the journal's; it moves a damaged file aside.
        owner: whose documents; those of others are not seen.
        read_only: for looking only.
        clock: tells the time in Unix seconds.
    """

    def __init__(
        self, writer: Writer, owner: str, *, read_only: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._writer = writer
        self._owner = owner
        self._read_only = read_only
        self._clock = clock

    def put(self, name: str, body: Mapping[str, Any]) -> int:
        """Keep a new version of a record and return its number, from 1.

        Raises:
            JournalError: it could not be written.
        """
        text = to_json(body)

        def insert(connection: sqlite3.Connection) -> int:
            query = "SELECT coalesce(max(version), 0) + 1 FROM documents WHERE owner = ? AND name = ?"
            version: int = connection.execute(query, (self._owner, name)).fetchone()[0]
            values = (self._owner, name, version, self._clock(), text)
            connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, NULL)", values)
            oldest = (self._owner, name, version - KEPT_VERSIONS)
            connection.execute("DELETE FROM documents WHERE owner = ? AND name = ? AND version <= ?", oldest)
            return version

        return self._change(insert)

    def remove(self, name: str) -> None:
        """Take a record out of use; its versions stay.

        Raises:
            JournalError: it could not be written.
        """
        statement = "UPDATE documents SET removed = ? WHERE owner = ? AND name = ? AND removed IS NULL"
        values = (self._clock(), self._owner, name)

        def remove(connection: sqlite3.Connection) -> None:
            connection.execute(statement, values)
            connection.execute(_REMOVED_LONG_AGO, (self._owner, KEPT_REMOVED))

        self._change(remove)

    def current(self) -> Mapping[str, Mapping[str, Any]]:
        """The newest version of each record that is in use, by name.

        Raises:
            JournalError: the file cannot be read.
        """
        return {name: json.loads(body) for name, body in self._select(f"{_CURRENT} ORDER BY name", (self._owner,))}

    def versions(self, name: str) -> Mapping[int, Mapping[str, Any]]:
        """The kept versions of a record by their numbers, oldest first.

        Raises:
            JournalError: the file cannot be read.
        """
        query = "SELECT version, body FROM documents WHERE owner = ? AND name = ? ORDER BY version"
        return {version: json.loads(body) for version, body in self._select(query, (self._owner, name))}

    def _change(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._read_only:
            msg = f"{self._writer.path} was opened for reading only"
            raise JournalError(msg)

        def attempt() -> _T:
            with contextlib.closing(store.open_for_writing(self._writer.path)) as connection:
                connection.execute("PRAGMA synchronous = FULL")  # the journal itself may lose its last second
                with store.transaction(connection):
                    return work(connection)

        with store.explained(self._writer.path, "changed"):
            return self._writer.repaired(attempt)

    def _select(self, query: str, values: tuple[str, ...]) -> list[tuple[Any, str]]:
        if not self._writer.path.exists():
            return []
        with (
            store.explained(self._writer.path, "read"),
            contextlib.closing(store.connect(self._writer.path, read_only=True)) as connection,
        ):
            if store.check(connection, self._writer.path) < SINCE_VERSION:
                return []
            return connection.execute(query, values).fetchall()
