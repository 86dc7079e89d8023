"""Reading XML that may be broken or hostile."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from vmon_core.errors import VmonError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 16 << 20
"""A file of hwloc for a machine of a thousand processors has two megabytes."""

MAX_DEPTH = 64
"""Elements in each other: processors have some ten levels, and PCIe as many."""


def parse(path: Path) -> ET.Element:
    """Read a file.

    Raises:
        VmonError: it cannot be read, is too large, declares entities, nests too deeply, or is no XML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise VmonError(msg) from None
    if len(data) > MAX_BYTES:
        msg = f"{path} has more than {MAX_BYTES >> 20} MiB, which no topology has"
        raise VmonError(msg)
    return _parse(data, str(path))


def _parse(data: bytes, name: str) -> ET.Element:
    if b"<!ENTITY" in data:  # the way to make a small file expand without end; no topology has any
        msg = f"{name} declares entities, which no topology does: it is not read"
        raise VmonError(msg)
    try:
        root = ET.fromstring(data)  # noqa: S314 (bounded, and without entities)
    except (ET.ParseError, ValueError, LookupError) as error:
        msg = f"{name} is no XML that can be read: {error}"
        raise VmonError(msg) from None
    if _too_deep(root):
        msg = f"{name} has elements nested more than {MAX_DEPTH} deep, which no topology has"
        raise VmonError(msg)
    return root


def _too_deep(root: ET.Element) -> bool:
    level: list[ET.Element] = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True


def walk(element: ET.Element, tag: str) -> Iterator[ET.Element]:
    """The children with a tag."""
    return (child for child in element if child.tag == tag)


def whole(text: str | None, digits: int = 9) -> int | None:
    """A number of at most so many digits; None for everything else, -1 for unknown included."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= digits else None
