"""Follow a log file by looking at it again and again; rotation and truncation lose nothing written in between."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

READ_LIMIT = 4 << 20
"""The most bytes taken in one look (4 MiB); the rest comes with the next one."""


class LogTail:
    """Reads what was added to a file since the last look.

    Args:
        path: the file; it may not exist yet.
        from_end: begin with what is added from now on.
    """

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._identity: tuple[int, int] | None = None
        self._from_end = from_end

    def read(self) -> bytes:
        """Return what is new, at most `READ_LIMIT` bytes; empty when nothing is, or the file cannot be read now."""
        try:
            return self._read()
        except OSError:
            self.close()
            return b""

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> bytes:
        file = self._file or self._open()
        if file is None:
            return b""
        if os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)  # it was truncated in place
        replaced = self._was_replaced()  # asked before reading: what is written to the old file until now is read
        data = file.read(READ_LIMIT)
        if not data and replaced:
            self.close()
            return self._read()
        return data

    def _open(self) -> BinaryIO | None:
        if not self._path.is_file():  # opening a pipe would block
            self._from_end = False  # what appears later is new from its first byte
            return None
        self._file = self._path.open("rb")
        stat = os.fstat(self._file.fileno())
        self._identity = (stat.st_dev, stat.st_ino)
        if self._from_end:
            self._file.seek(0, os.SEEK_END)
            self._from_end = False
        return self._file

    def _was_replaced(self) -> bool:
        """Whether another file with something in it has the name; a server that was not told writes to the old one."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return False
        return (stat.st_dev, stat.st_ino) != self._identity and stat.st_size > 0
