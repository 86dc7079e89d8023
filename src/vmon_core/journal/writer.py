"""The thread that writes: the monitor hands items in and never waits for a disk."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from vmon_core.journal import store, writing
from vmon_core.journal.backlog import Backlog
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmon_core.journal.backlog import Item
    from vmon_core.journal.options import JournalOptions

_T = TypeVar("_T")

SOURCE = "journal"
"""What messages name as their source."""

LAST_RETRY_SECONDS = 60.0
"""After each failure the pause before the next attempt doubles, up to this."""

PRUNE_SECONDS = 3600.0
"""How often the limits are applied."""

CLOSE_SECONDS = 10.0
"""How long the end waits for what is not written yet."""


class Say(Protocol):
    """Tells people; `Feedback.say` fits."""

    def __call__(self, level: Severity, source: str, text: str) -> object:
        """Say something."""


class Writer:
    """Writes items in batches from a thread of its own, which starts with the first item.

    While the file cannot be written, items stay in a bounded backlog, and the writer tries again and again.

    Args:
        path: the file.
        options: how much it keeps, and how it writes.
        say: tells people about trouble and its end.
        clock: tells the time in Unix seconds.

    Attributes:
        path: the file.
        backlog: what waits.
        lock: held while the backlog is looked at or changed.
    """

    def __init__(
        self,
        path: Path,
        options: JournalOptions,
        say: Say,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.backlog = Backlog(options.backlog_bytes)
        self.lock = threading.Condition(threading.RLock())
        self.path = path
        self._options = options
        self._say = say
        self._clock = clock
        self._file = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None
        self._writing = False
        self._urgent = False
        self._wanted = False
        self._closing = False
        self._attempts = 0
        self._failures = 0
        self._pruned_at = -PRUNE_SECONDS

    # --- from the monitor's threads ---

    def put(self, item: Item, *, urgent: bool = False) -> None:
        """Hand in an item; an urgent one is written at once, others together."""
        with self.lock:
            self.backlog.add(item)
            self._urgent = self._urgent or urgent
            self._start()
            if urgent or len(self.backlog) == 1:
                self.lock.notify_all()

    def flush(self, timeout: float) -> bool:
        """Have everything written now.

        Args:
            timeout: seconds to wait at most; a failed attempt ends the wait too.

        Returns:
            Whether everything was written.
        """
        with self.lock:
            if not self._pending:
                return True
            self._wanted = True
            self._start()
            self.lock.notify_all()
            enough = self._attempts + (2 if self._writing else 1)
            self.lock.wait_for(lambda: not self._pending or self._attempts >= enough, timeout)
            return not self._pending

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Try once more to write what waits, and end the thread; a later item starts another one."""
        with self.lock:
            thread, self._closing = self._thread, True
            self.lock.notify_all()
        if thread is not None:
            thread.join(timeout)
            if thread.is_alive():
                return
        with self.lock:
            self._thread, self._closing = None, False

    def replace(self, error: Exception) -> None:
        """Move a damaged file aside, so that a new one is begun.

        Raises:
            OSError: it cannot be moved.
        """
        self._disconnect()
        moved = store.set_aside(self.path, self._clock())
        with self.lock:
            self.backlog.generation += 1
        text = f"{self.path} is damaged ({error}): it was moved to {moved}, and a new journal was begun"
        self._say(Severity.ERROR, SOURCE, text)

    @property
    def _pending(self) -> bool:
        return len(self.backlog) > 0 or self._writing

    def _start(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="vmon-journal", daemon=True)
            self._thread.start()

    def repaired(self, attempt: Callable[[], _T]) -> _T:
        """Do something with the file; when it turns out to be damaged, move it aside and do it again on a new one.

        Only one thread at a time does so: another one must not write into a file that was moved aside.
        """
        with self._file:
            try:
                return attempt()
            except sqlite3.DatabaseError as error:
                if not store.is_damaged(error):
                    raise
                self.replace(error)
                return attempt()

    # --- in the writer's thread ---

    def _run(self) -> None:
        last = False
        while not last:
            items, last = self._next()
            if items:
                self._attempt(items)
        self._disconnect()

    def _next(self) -> tuple[list[Item], bool]:
        """Wait for items and for the time to write them; says as well whether these are the last."""
        with self.lock:
            self.lock.wait_for(lambda: len(self.backlog) > 0 or self._closing)
            self.lock.wait_for(self._is_time, self._patience())
            self._urgent = self._wanted = False
            items = self.backlog.take()
            self._writing = bool(items)
            return items, self._closing

    def _is_time(self) -> bool:
        return self._closing or self._wanted or (self._urgent and not self._failures)

    def _patience(self) -> float:
        if not self._failures:
            return self._options.flush_every
        return min(self._options.retry_seconds * 2.0 ** min(self._failures - 1, 16), LAST_RETRY_SECONDS)

    def _attempt(self, items: list[Item]) -> None:
        try:
            self.repaired(lambda: self._write_once(items))
        except Exception as error:  # noqa: BLE001 (whatever it is, the thread must live on and the items be kept)
            self._failed(items, error)
        else:
            self._succeeded()

    def _write_once(self, items: list[Item]) -> None:
        if self._connection is None:
            self._connection = store.open_for_writing(self.path)
        if time.monotonic() - self._pruned_at >= PRUNE_SECONDS:
            writing.prune(self._connection, self._options, self._clock())
            self._pruned_at = time.monotonic()
        writing.write(self._connection, items)

    def _failed(self, items: list[Item], error: Exception) -> None:
        self._disconnect()
        with self.lock:
            self.backlog.give_back(items)
            self._failures += 1
            first, waiting, last = self._failures == 1, len(self.backlog), self._closing
            self._settle()
        why = f"{self.path} cannot be written: {store.reason(error)}"
        if last:
            self._say(Severity.ERROR, SOURCE, f"{why}; {waiting} records were not written")
        elif first:
            text = f"{why}; the newest records are kept in memory and written when that is possible again"
            self._say(Severity.ERROR, SOURCE, text)

    def _succeeded(self) -> None:
        with self.lock:
            failed, lost = self._failures > 0, self.backlog.lost
            self._failures = self.backlog.lost = 0
            self._settle()
        if failed or lost:
            level = Severity.WARNING if lost else Severity.INFO
            text = f"{self.path} is written again; {f'{lost} records were' if lost else 'nothing was'} lost"
            self._say(level, SOURCE, text)

    def _settle(self) -> None:
        self._writing = False
        self._attempts += 1
        self.lock.notify_all()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
