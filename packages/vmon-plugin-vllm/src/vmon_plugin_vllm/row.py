"""One row of a recording: a JSON object from a file that anybody may have written; each field is checked when read."""

from __future__ import annotations

import json
import math
from typing import Any

import attrs

_LARGEST = 2**63 - 1
"""The largest whole number that SQLite, and so the journal, can hold."""


class BadRowError(ValueError):
    """A row lacks a field, or has one of another type."""


@attrs.frozen
class Row:
    """The fields of a row.

    >>> Row({"pid": 7}).whole("pid")
    7
    """

    fields: dict[str, Any]

    @classmethod
    def parse(cls, line: str) -> Row:
        """Read one line.

        Raises:
            BadRowError: it is no JSON object.
        """
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadRowError(str(error)) from error
        if not isinstance(fields, dict):
            msg = "not an object"
            raise BadRowError(msg)
        return cls(fields)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.fields.get(name) is not None

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.fields.get(name)
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST:
            return float(value)
        raise self._bad(name, "a finite number")

    def whole(self, name: str) -> int:
        """A whole number of 64 bits."""
        value = self.fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST:
            return value
        raise self._bad(name, "a whole number")

    def text(self, name: str) -> str:
        """A text that can be written again: JSON can hold halves of surrogate pairs, UTF-8 cannot."""
        value = self.fields.get(name)
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        raise self._bad(name, "a text")

    def _bad(self, name: str, wanted: str) -> BadRowError:
        return BadRowError(f"{name} is not {wanted}: {self.fields.get(name)!r}")
