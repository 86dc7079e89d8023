"""Reading what others wrote: regular files of a bounded size, and documents that do not grow when they are used."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_VALUES = 100_000
"""Values that a YAML document may stand for; with aliases, a few hundred bytes can stand for billions."""


def read_regular(path: Path, most: int) -> bytes:
    """Read a file that has an end.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, is larger, or is a pipe or a device, whose reading might never end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    if status.st_size > most:
        raise OSError(
            errno.EFBIG, f"has {status.st_size} bytes, more than the {most} that such a file may have", str(path)
        )
    with path.open("rb") as file:
        return file.read(most)


def expands(document: object) -> bool:
    """Whether a document stands for more values than anybody writes, because of aliases or of a circle.

    >>> circle = []
    >>> circle.append(circle)
    >>> expands(circle), expands({"a": [1, 2]})
    (True, False)
    """
    waiting, count = [document], 0
    while waiting and count <= MOST_VALUES:
        value = waiting.pop()
        parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        count += len(parts)
        waiting.extend(parts)
    return count > MOST_VALUES
