"""Writes the rows that exporters return, one JSON object a line, into a file each that other programs can follow."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LARGEST = 10_000_000
"""Bytes after which a file is begun anew; the one before is kept as `.1`."""

MOST_FILES = 100
"""Files in the folder, those of plugins that were removed included: with `LARGEST` a gigabyte in all."""


def append(folder: Path, name: str, rows: Iterable[dict[str, Any]], largest: int = LARGEST) -> None:
    """Append rows to the file of an exporter.

    Args:
        folder: where the files lie; it is created.
        name: the plugin's.
        rows: plain data.
        largest: bytes of one file.

    Raises:
        OSError: they could not be written, or there are too many files.
    """
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    if not text:
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name}.jsonl"
    if not path.exists() and sum(1 for _ in folder.iterdir()) >= MOST_FILES:
        raise OSError(errno.EDQUOT, f"there are {MOST_FILES} files already", str(folder))
    if path.exists() and path.stat().st_size + len(text) > largest:
        path.replace(path.with_suffix(".jsonl.1"))
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
