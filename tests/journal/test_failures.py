"""The journal when its file or disk fails: said once, nothing lost up to the bound, written when it works again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from vmon_core.errors import JournalError
from vmon_core.evidence import Probed
from vmon_core.journal import Journal, JournalOptions, frames, store
from vmon_core.journal.backlog import Backlog, Item, Seal, Statement
from vmon_core.journal.frames import Line
from vmon_core.lifecycle.states import LifecycleState, StateTransition
from vmon_core.records import Change, Frame, Severity
from vmon_testkit.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000.0
QUICK = JournalOptions(flush_every=0.02, retry_seconds=0.05)


def change(number: int) -> Change:
    """A transition that can be told apart."""
    return Change(
        time=NOW + number,
        origin=LifecycleState.IDLE,
        state=LifecycleState.SERVING,
        transition=StateTransition.LOAD,
        reason=f"{number} " + "x" * 1000,
    )


def numbers(journal: Journal) -> list[int]:
    """Which transitions are in the journal."""
    return [int(c.reason.split()[0]) for c in journal.changes("t")]


class Said:
    """Takes what the journal says."""

    def __init__(self) -> None:
        self.all: list[tuple[Severity, str]] = []

    def __call__(self, level: Severity, source: str, text: str) -> None:
        """Note it."""
        assert source == "journal"
        self.all.append((level, text))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.db"


@pytest.fixture
def said() -> Said:
    """What the journal said."""
    return Said()


@pytest.fixture
def journal(path: Path, said: Said) -> Iterator[Journal]:
    """A journal that is quick to flush and to try again, with one transition in it."""
    with Journal(path, say=said, options=QUICK, clock=lambda: NOW) as made:
        made.add_change("t", change(0))
        assert made.flush()
        yield made


class Disk:
    """Gives every connection of the journal a pragma that makes writing fail, while one is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pragma = ""
        self._connect = store.connect
        monkeypatch.setattr(store, "connect", self.connect)

    def connect(self, path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        """Connect as the store does."""
        connection = self._connect(path, read_only=read_only)
        if self.pragma:
            connection.execute(self.pragma)
        return connection


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that can be made to fail."""
    return Disk(monkeypatch)


@pytest.mark.parametrize(
    ("pragma", "reason"),
    [
        ("PRAGMA max_page_count = 1", "the disk is full"),
        ("PRAGMA query_only = ON", "the file or its folder is read-only"),
    ],
)
def test_disk_fails_and_comes_back(path: Path, said: Said, disk: Disk, pragma: str, reason: str) -> None:
    """On a full or read-only disk notes wait in memory; it is said once, and all are written when it works again."""
    with Journal(path, options=QUICK, clock=lambda: NOW) as journal:
        journal.add_change("t", change(0))
    disk.pragma = pragma
    with Journal(path, say=said, options=QUICK, clock=lambda: NOW) as journal:
        for number in range(1, 31):
            journal.add_change("t", change(number))
            journal.add_frame("t", Frame(NOW + number))
        assert not journal.flush()
        assert not journal.flush()
        assert len(numbers(journal)) < 31
        assert [level for level, _ in said.all] == [Severity.ERROR]
        assert reason in said.all[0][1]
        assert str(path) in said.all[0][1]
        disk.pragma = ""
        wait_until(lambda: len(said.all) == 2)
        assert said.all[1] == (Severity.INFO, f"{path} is written again; nothing was lost")
        assert numbers(journal) == list(range(31))
        assert [f.time for f in journal.frames("t")] == [NOW + n for n in range(1, 31)]


def test_disk_that_stays_full_at_the_end(path: Path, said: Said, disk: Disk) -> None:
    """The end says how much could not be written, and does not hang."""
    disk.pragma = "PRAGMA max_page_count = 1"
    with Journal(path, say=said, options=QUICK) as journal:
        journal.add_change("t", change(1))
        assert not journal.flush()
    assert said.all[-1][1].endswith("1 records were not written")


def test_too_long_an_outage_loses_the_oldest_recording_only(
    path: Path, said: Said, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound the oldest recording goes, transitions stay, what is left can be read, and the loss is said."""
    monkeypatch.setattr(frames, "SEGMENT_BYTES", 10_000)
    options = JournalOptions(flush_every=0.02, retry_seconds=0.05, backlog_bytes=100_000)
    with Journal(path, say=said, options=options, clock=lambda: NOW) as journal:
        disk.pragma = "PRAGMA max_page_count = 1"
        for number in range(40):
            journal.add_change("t", change(number))
            journal.add_frame("t", Frame(NOW + number, (Probed(time=NOW, path="/", summary=str(number) * 2000),)))
        disk.pragma = ""
        wait_until(journal.flush)
        assert numbers(journal) == list(range(40))
        times = [f.time for f in journal.frames("t")]
        assert len(times) < 40
        assert times == sorted(times)
        assert times[-1] == NOW + 39
        journal.add_frame("t", Frame(NOW + 40))
        assert [f.time for f in journal.frames("t")] == [*times, NOW + 40]
    level, text = said.all[-1]
    assert level is Severity.WARNING
    assert text.endswith("records were lost")


def test_folder_that_cannot_be_made(tmp_path: Path, said: Said) -> None:
    """A path below a file is said with its reason; the notes are written once the way is free."""
    blocker = tmp_path / "blocker"
    blocker.write_text("I am a file")
    with Journal(blocker / "journal.db", say=said, options=QUICK, clock=lambda: NOW) as journal:
        journal.add_change("t", change(1))
        assert not journal.flush()
        assert journal.live_launches() == ()
        assert "Not a directory" in said.all[0][1] or "File exists" in said.all[0][1]
        blocker.unlink()
        wait_until(lambda: len(said.all) == 2)
        assert numbers(journal) == [1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(journal: Journal, path: Path, said: Said) -> None:
    """A folder and file that may only be read can still be read; notes wait until they may be written."""
    journal.close()
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with Journal(path, read_only=True) as looking:
            assert numbers(looking) == [0]
        with Journal(path, say=said, options=QUICK, clock=lambda: NOW) as second:
            second.add_change("t", change(1))
            assert not second.flush()
            assert said.all[0][0] is Severity.ERROR
            path.parent.chmod(0o700)
            path.chmod(0o600)
            wait_until(lambda: len(said.all) == 2)
            assert numbers(second) == [0, 1]
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize("content", [b"this is no database, " * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_damaged_file_is_moved_aside_at_the_start(path: Path, said: Said, content: bytes) -> None:
    """What is no database is kept under another name, said, and a new journal is begun."""
    path.write_bytes(content)
    with Journal(path, say=said, options=QUICK, clock=lambda: NOW) as journal:
        assert journal.live_launches() == ()
        journal.add_change("t", change(1))
        assert numbers(journal) == [1]
    moved = path.with_name("journal.db.corrupt-20270115T080000")
    assert moved.read_bytes() == content
    assert [(level, str(moved) in text) for level, text in said.all] == [(Severity.ERROR, True)]


def test_file_damaged_while_it_is_written(journal: Journal, path: Path, said: Said) -> None:
    """Damage at run time loses nothing that is noted from then on."""
    journal.add_frame("t", Frame(NOW))
    assert journal.flush()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (size - 100))
    for number in range(1, 5):
        journal.add_change("t", change(number))
        journal.add_frame("t", Frame(NOW + number))
        journal.flush()
    assert [text for _, text in said.all if "was moved to" in text]
    assert numbers(journal) == [1, 2, 3, 4]
    journal.add_frame("t", Frame(NOW + 5))
    assert next(f.time for f in journal.frames("t", since=NOW + 5)) == NOW + 5


def test_reader_leaves_a_damaged_file_alone(path: Path) -> None:
    """Who only looks gets an error and changes nothing."""
    path.write_bytes(b"nonsense" * 1000)
    with Journal(path, read_only=True) as journal:
        with pytest.raises(JournalError, match="cannot be read: file is not a database"):
            journal.targets()
        with pytest.raises(JournalError, match="for reading only"):
            journal.add_change("t", change(1))
        with pytest.raises(JournalError, match="for reading only"):
            journal.add_frame("t", Frame(NOW))
    assert path.read_bytes() == b"nonsense" * 1000


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def test_file_locked_by_another_process(path: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that stays is said; readers go on; the notes are written when it is gone."""
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    command = [sys.executable, "-c", LOCK, str(path)]
    with Journal(path, say=said, options=QUICK, clock=lambda: NOW) as journal:
        journal.add_change("t", change(0))
        assert journal.flush()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            journal.add_change("t", change(1))
            wait_until(lambda: said.all)
            assert "another process holds it locked" in said.all[0][1]
            with Journal(path, read_only=True) as looking:
                assert numbers(looking) == [0]
            other.communicate("go\n", timeout=20)
        wait_until(lambda: len(said.all) == 2)
        assert numbers(journal) == [0, 1]


def test_noting_never_waits_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk hangs, noting takes no longer than ever."""
    hang = store.open_for_writing

    def slow(where: Path) -> sqlite3.Connection:
        time.sleep(1.0)  # the fault itself
        return hang(where)

    monkeypatch.setattr(store, "open_for_writing", slow)
    with Journal(path, options=QUICK) as journal:
        began = time.monotonic()
        for number in range(100):
            journal.add_change("t", change(number))
        assert time.monotonic() - began < 0.5
        assert numbers(journal) == list(range(100))


# --- the backlog ---


def line(segment: int, size: int = 1000) -> Line:
    """A recorded line."""
    return Line(segment, "t", NOW, NOW, "x" * size)


def test_backlog_drops_whole_segments_first() -> None:
    """Recordings go before events, the oldest segment as a whole; events go only when nothing else is left."""
    backlog = Backlog(limit=5500)
    note = Statement("INSERT", ("x" * 1000,))
    items: list[Item] = [note, line(1), line(1), line(2), note]
    for item in items:
        backlog.add(item)
    assert backlog.generation == 1
    assert backlog.take() == [note, line(2), note]
    assert backlog.lost == 2
    backlog.give_back([note] * 6)
    assert len(backlog) == 4
    assert backlog.lost == 4


def test_backlog_gives_back_in_order() -> None:
    """What could not be written comes before what came since."""
    backlog = Backlog()
    first, second, third = (Statement(name, ()) for name in "abc")
    backlog.add(first)
    backlog.add(second)
    taken = backlog.take()
    backlog.add(third)
    backlog.give_back(taken)
    assert backlog.take() == [first, second, third]
    backlog.add(Seal(1))
    assert len(backlog) == 1
