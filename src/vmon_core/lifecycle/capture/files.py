"""Reads of the kernel's small text files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 16
"""Bytes read of one file: the first processor's entry in cpuinfo is enough, and a machine may have hundreds."""


def read(path: Path) -> str:
    """Read the beginning of a file, without surrounding blanks; "" when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""
