"""How sizes are written, and how many bytes a type takes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

GIB = 1 << 30
_MOST = GIB << 50  # more is nonsense that somebody gave, and may be too large for a float

BYTES: Mapping[str, int] = MappingProxyType(
    {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2, "float64": 8}
)
"""Bytes of one element, by vLLM's name of the type."""


def gib(size: float) -> str:
    """Write bytes as GiB.

    >>> gib(80 << 30)
    '80.00 GiB'
    """
    return f"{size / GIB:.2f} GiB" if size < _MOST else "more than 2^50 GiB"
