"""Text of code is data, wherever it is shown."""

from __future__ import annotations

LENGTH = 500
"""Characters of a text that are kept: it may quote the code's own strings, which can be megabytes."""


def label(text: object, size: int = LENGTH) -> str:
    """Text of code is data: one line of printable characters, and not too long."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    return line if len(line) <= size else f"{line[: size - 1]}…"
