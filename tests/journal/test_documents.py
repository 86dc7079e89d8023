"""Documents: versions, removal, several processes, and a file that fails."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vmon_core.errors import JournalError
from vmon_core.host import documents as in_memory
from vmon_core.host.documents import MemoryDocuments
from vmon_core.journal import Journal, store
from vmon_core.journal import documents as in_journal

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_core.dynamic import Documents


@pytest.fixture(params=["journal", "memory"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Documents:
    """Both kinds do the same."""
    return Journal(tmp_path / "j.db").documents("sandbox") if request.param == "journal" else MemoryDocuments()


def test_versions_count_up_and_removal_keeps_them(documents: Documents) -> None:
    """A record that comes back goes on counting."""
    assert [documents.put("a", {"n": n}) for n in (1, 2)] == [1, 2]
    assert documents.put("b", {"n": 1}) == 1
    assert documents.current() == {"a": {"n": 2}, "b": {"n": 1}}
    documents.remove("a")
    assert documents.current() == {"b": {"n": 1}}
    assert documents.put("a", {"n": 3}) == 3
    assert documents.versions("a") == {1: {"n": 1}, 2: {"n": 2}, 3: {"n": 3}}
    assert documents.current()["a"] == {"n": 3}


def test_only_the_latest_versions_are_kept(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers go on counting, whatever was forgotten; records that were removed long ago go as a whole."""
    for module in (in_memory, in_journal):
        monkeypatch.setattr(module, "KEPT_VERSIONS", 2)
        monkeypatch.setattr(module, "KEPT_REMOVED", 2)
    assert [documents.put("a", {"n": n}) for n in (1, 2, 3, 4)] == [1, 2, 3, 4]
    assert documents.versions("a") == {3: {"n": 3}, 4: {"n": 4}}
    for name in ("b", "c", "d"):
        documents.put(name, {})
        documents.remove(name)
    assert documents.put("c", {}) == 2
    documents.remove("c")
    assert [name for name in "abcd" if documents.versions(name)] == ["a", "c", "d"]


def test_nothing_is_known_of_what_was_never_put(documents: Documents) -> None:
    """Removing it is no error."""
    documents.remove("a")
    assert (documents.current(), documents.versions("a")) == ({}, {})


def test_what_is_put_is_another_owners_secret_and_stays(tmp_path: Path) -> None:
    """It is in the file when `put` returns: a second journal finds it without the first one being closed."""
    Journal(tmp_path / "j.db").documents("sandbox").put("a", {"code": "return 1"})
    other = Journal(tmp_path / "j.db", read_only=True)
    assert other.documents("sandbox").current() == {"a": {"code": "return 1"}}
    assert other.documents("somebody").current() == {}


def test_reading_only(tmp_path: Path) -> None:
    """Nothing is written, and a file of before there were documents holds none."""
    connection = store.connect(tmp_path / "j.db")
    store.migrate(connection, store.MIGRATIONS[:1])
    connection.close()
    documents = Journal(tmp_path / "j.db", read_only=True).documents("sandbox")
    assert documents.current() == {}
    with pytest.raises(JournalError, match="reading only"):
        documents.put("a", {})


def test_a_file_of_before_is_brought_up_to_date(tmp_path: Path) -> None:
    """With what it holds."""
    connection = store.connect(tmp_path / "j.db")
    store.migrate(connection, store.MIGRATIONS[:1])
    connection.close()
    assert Journal(tmp_path / "j.db").documents("sandbox").put("a", {}) == 1


def test_a_damaged_file_is_moved_aside(tmp_path: Path) -> None:
    """And the document goes into a new one."""
    journal = Journal(tmp_path / "j.db")
    journal.documents("sandbox").put("a", {"n": 1})
    (tmp_path / "j.db").write_bytes(b"no database at all" * 1000)
    assert journal.documents("sandbox").put("a", {"n": 2}) == 1
    assert journal.documents("sandbox").current() == {"a": {"n": 2}}
    assert len(list(tmp_path.glob("j.db.corrupt-*"))) >= 1


def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    """`put` never returns a version that is not there."""
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(JournalError, match="cannot be changed"):
        Journal(tmp_path / "folder" / "j.db").documents("sandbox").put("a", {})


def test_several_processes_share_the_file(tmp_path: Path) -> None:
    """No version is lost and none is given twice."""
    code = (
        "import sys; from pathlib import Path; from vmon_core.journal import Journal\n"
        "documents = Journal(Path(sys.argv[1])).documents('sandbox')\n"
        "for n in range(20): documents.put('a', {'n': n})"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "j.db")]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    connection = sqlite3.connect(tmp_path / "j.db")
    assert connection.execute("SELECT version FROM documents ORDER BY version").fetchall() == [
        (n,) for n in range(1, 41)
    ]
    connection.close()
