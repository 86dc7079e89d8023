"""Text of code is data, wherever it is shown."""

from __future__ import annotations

LENGTH = 500
"""Characters of a text that are kept: it may quote the code's own strings, which can be megabytes."""


def label(text: object, size: int = LENGTH) -> str:
    """Text of code is data: one line of printable characters, and not too long."""
    whole = str(text)  # cut before it is looked at: each character of megabytes would be an object
    kept = whole if len(whole) <= size else f"{whole[: size - 1]}…"
    return "".join(c if c.isprintable() else " " for c in kept)
