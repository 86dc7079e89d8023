"""Bounded reads of the kernel's small files below a folder that stands for `/`."""

from __future__ import annotations

import os
from itertools import islice

MAX_BYTES = 8192
"""Bytes read of one file: two memory pages, more than any file that is read here has to say."""

MAX_ENTRIES = 4096
"""Entries read of one folder: more PCI functions than the largest machines have."""


class Files:
    """Reads what there is; what cannot be read is empty, and never waited for.

    Args:
        root: the folder that stands for `/`.

    Attributes:
        problems: sentences about what was cut off or made no sense.
    """

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/") + "/"
        self.problems: list[str] = []

    def text(self, path: str, limit: int = MAX_BYTES) -> str:
        """The beginning of a file, without surrounding blanks; "" when it cannot be read."""
        return self.bytes(path, limit).decode(errors="replace").strip()

    def bytes(self, path: str, limit: int = MAX_BYTES, offset: int = 0) -> bytes:
        """Some bytes of a file; none when they cannot be read. A pipe or a terminal is not waited for."""
        try:
            file = os.open(self._root + path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except (OSError, ValueError):
            return b""
        try:
            return os.pread(file, limit, offset)
        except OSError:
            return b""
        finally:
            os.close(file)

    def names(self, path: str) -> list[str]:
        """The sorted names in a folder, a bounded number of them; none when it cannot be read."""
        try:
            with os.scandir(self._root + path) as entries:
                found = [entry.name for entry in islice(entries, MAX_ENTRIES + 1)]
        except OSError:
            return []
        if len(found) > MAX_ENTRIES:
            self.problems.append(f"{path} has more than {MAX_ENTRIES} entries: the others were not read")
        return sorted(found[:MAX_ENTRIES])

    def link(self, path: str) -> str:
        """Where a symbolic link leads, "" when it is none; the link is not followed."""
        try:
            return os.readlink(self._root + path)  # noqa: PTH115 (hundreds of them, as below)
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return os.path.exists(self._root + path)  # noqa: PTH110 (hundreds of them: a Path for each costs more than it reads)
