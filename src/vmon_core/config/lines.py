"""Find the line of a key in a TOML text, for error messages; TOML's reader does not keep it."""

from __future__ import annotations

import re

Key = tuple[str | int, ...]
"""Where something is in the file: names of tables and keys, and positions within arrays, from the outside in."""

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"^\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_ASSIGNMENT = re.compile(rf"^\s*({_DOTTED})\s*=")


def find_line(text: str, key: Key) -> int:
    r"""Find the line of a key, or of the nearest thing around it that has a line of its own.

    Args:
        text: the file.
        key: what to look for.

    Returns:
        The line's number, from 1 on; 1 when nothing of the key is in the file.

    >>> find_line('[a]\nx = 1\n[[g]]\n[[g]]\nname = "second"', ("g", 1, "name"))
    5
    >>> find_line("[a]\nb = { c = 1 }", ("a", "b", "c"))
    2
    """
    lines = _lines(text)
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return lines[key[:length]]
    return 1


def _lines(text: str) -> dict[Key, int]:
    """The first line of each table and key. A line within a multi-line string may look like a key: it does no harm."""
    found: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _indexed(_parts(header[2]), counts, new=header[1] == "[[")
            found.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            found.setdefault(table + _parts(assignment[1]), number)
    return found


def _indexed(parts: Key, counts: dict[Key, int], *, new: bool) -> Key:
    """Put the current position into a header's path after each part that is an array of tables."""
    path: Key = ()
    for depth, part in enumerate(parts, 1):
        path = (*path, part)
        if new and depth == len(parts):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))
