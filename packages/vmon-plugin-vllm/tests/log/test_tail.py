"""Following a log file through everything that happens to log files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from vmon_plugin_vllm.log.lines import LINE_LIMIT, LineSplitter
from vmon_plugin_vllm.log.reader import LogReader
from vmon_plugin_vllm.log.tail import READ_LIMIT, LogTail

if TYPE_CHECKING:
    from pathlib import Path


Follow = Callable[..., LogTail]


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Makes tails, and closes them after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda path, **options: stack.enter_context(contextlib.closing(LogTail(path, **options)))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log file with one line in it."""
    path = tmp_path / "server.log"
    path.write_bytes(b"one\n")
    return path


def test_reads_what_is_new(log: Path, follow: Follow) -> None:
    """Each look returns what was added since the last one."""
    tail = follow(log)
    assert tail.read() == b"one\n"
    assert tail.read() == b""
    with log.open("ab") as file:
        file.write(b"tw")
    assert tail.read() == b"tw"


def test_file_that_comes_later(tmp_path: Path, follow: Follow) -> None:
    """A file that is not there yet is waited for, and read from its first byte."""
    tail = follow(tmp_path / "later.log", from_end=True)
    assert tail.read() == b""
    (tmp_path / "later.log").write_bytes(b"first\n")
    assert tail.read() == b"first\n"


def test_from_end(log: Path, follow: Follow) -> None:
    """What was there before is left out on request."""
    tail = follow(log, from_end=True)
    assert tail.read() == b""
    with log.open("ab") as file:
        file.write(b"two\n")
    assert tail.read() == b"two\n"


def test_rotation_loses_nothing(log: Path, follow: Follow) -> None:
    """What was added to the old file before it was renamed comes first, then the new file."""
    tail = follow(log)
    tail.read()
    with log.open("ab") as file:
        file.write(b"last of the old\n")
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"first of the new\n")
    assert tail.read() + tail.read() == b"last of the old\nfirst of the new\n"


def test_server_that_goes_on_with_the_old_file(log: Path, follow: Follow) -> None:
    """After a rotation that the server was not told of, the old file is followed until the new one holds something."""
    tail = follow(log)
    tail.read()
    old = log.rename(log.with_suffix(".1"))
    log.touch()
    assert tail.read() == b""
    with old.open("ab") as file:
        file.write(b"still here\n")
    assert tail.read() == b"still here\n"
    log.write_bytes(b"moved on\n")
    assert tail.read() == b"moved on\n"


def test_line_written_just_before_the_rotation(log: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written between our two looks at the files is not lost, whichever comes first."""
    tail = follow(log)
    tail.read()
    replaced = tail._was_replaced

    def last_moment() -> bool:
        monkeypatch.undo()
        found = replaced()
        with log.open("ab") as file:
            file.write(b"last\n")
        log.rename(log.with_suffix(".1"))
        log.write_bytes(b"new\n")
        return found

    monkeypatch.setattr(tail, "_was_replaced", last_moment)
    assert tail.read() + tail.read() == b"last\nnew\n"


def test_truncation(log: Path, follow: Follow) -> None:
    """A file that was cut in place is read from its beginning."""
    tail = follow(log)
    tail.read()
    log.write_bytes(b"x\n")
    assert tail.read() == b"x\n"


def test_one_look_is_bounded(log: Path, follow: Follow) -> None:
    """A huge addition comes in pieces."""
    log.write_bytes(b"x" * (READ_LIMIT + 10))
    tail = follow(log)
    assert [len(tail.read()), len(tail.read())] == [READ_LIMIT, 10]


def test_pipe_in_its_place(tmp_path: Path, follow: Follow) -> None:
    """A named pipe without a writer would block whoever opens it."""
    os.mkfifo(tmp_path / "server.log")
    assert follow(tmp_path / "server.log").read() == b""


def test_endless_line_of_rubbish(log: Path, follow: Follow) -> None:
    """Ten megabytes that are no text and have no end cost only themselves, and what comes after them is read."""
    tail, splitter = follow(log), LineSplitter()
    log.write_bytes(b"\xff" * 10_000_000 + b"\nINFO:     Application startup complete.\n")
    first, second = [line for data in iter(tail.read, b"") for line in splitter.feed(data)]
    assert first == "\ufffd" * LINE_LIMIT
    assert [seen.kind for seen in LogReader().feed(second, 1.0)] == ["ServerStarted"]


def test_line_that_comes_in_pieces(log: Path, follow: Follow) -> None:
    """Half a line, or half a character of one, waits for its other half."""
    tail, splitter = follow(log), LineSplitter()
    lines = []
    for piece in (b"a\xc3", b"\xa9b\rnext", b"\n"):
        with log.open("ab") as file:
            file.write(piece)
        lines += splitter.feed(tail.read())
    assert lines == ["one", "a\xe9b", "next"]


def test_directory_in_its_place(tmp_path: Path, follow: Follow) -> None:
    """What cannot be read gives nothing, and no error."""
    assert follow(tmp_path).read() == b""
