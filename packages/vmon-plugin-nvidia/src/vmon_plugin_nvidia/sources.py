"""Where each figure comes from: field values, which are read in one call, and functions for what has no field."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import attrs
import pynvml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_plugin_nvidia.gpu import Gpu

_VALUE = struct.Struct("=IIqqIIq")
"""A `nvmlFieldValue_t`: id, scope, time, latency, type, return code, value."""

_DOUBLE = pynvml.NVML_VALUE_TYPE_DOUBLE

_SIGNED = frozenset({pynvml.NVML_VALUE_TYPE_SIGNED_LONG_LONG, getattr(pynvml, "NVML_VALUE_TYPE_SIGNED_INT", 5)})

_64_BITS = 0xFFFFFFFFFFFFFFFF

_BLANKS = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF, *range(0x7FFFFFF0, 0x7FFFFFF4)})
"""What some drivers write where they have no value: "not available", and DCGM's blanks of 32 bits."""

_BLANK_64 = 0x7FFFFFFFFFFFFFF0
"""DCGM's first blank of 64 bits; no figure is so large."""


def is_blank(value: float) -> bool:
    """Whether a number only says that there is none.

    >>> is_blank(0x7FFFFFFFFFFFFFF2), is_blank(0)
    (True, False)
    """
    return value in _BLANKS or value >= _BLANK_64


def field_id(name: str) -> int:
    """The number of a field value, 0 where this `pynvml` does not know it."""
    return int(getattr(pynvml, f"NVML_FI_DEV_{name}", 0))


@attrs.frozen
class Field:
    """A field value: its name without `NVML_FI_DEV_`, and its scope, such as the number of a link."""

    name: str
    scope: int = 0


@attrs.frozen
class Call:
    """A function of `pynvml`, the arguments after the handle, and what is taken of a structure or a tuple."""

    function: str
    arguments: tuple[Any, ...] = ()
    member: str | int | None = None

    def read(self, gpu: Gpu, answers: dict[tuple[Any, ...], Any]) -> float | None:
        """Read it; `answers` holds what was asked already for this measurement."""
        key = (self.function, *self.arguments)
        if key not in answers:
            answers[key] = gpu.ask(self.function, *self.arguments)
        found = answers[key]
        if found is None:
            return None
        value = _taken(found, self.member)
        return None if is_blank(value) else value


def _taken(found: Any, member: str | int | None) -> float:  # noqa: ANN401 (whatever NVML returned)
    if member is None:
        return float(found) if isinstance(found, float) else int(found)
    return int(getattr(found, member)) if isinstance(member, str) else int(found[member])


@attrs.frozen
class Below:
    """How far a figure is below a limit; the limit never changes, and is asked once."""

    limit: Call
    figure: Call

    def read(self, gpu: Gpu, answers: dict[tuple[Any, ...], Any]) -> float | None:
        """Read it; a limit of zero is none."""
        limit = gpu.once(self.limit.function, *self.limit.arguments)
        if not limit or is_blank(limit):
            return None
        value = self.figure.read(gpu, answers)
        return None if value is None else limit - value


Source = Field | Call | Below


class Fields:
    """Field values of one GPU that are read together.

    Args:
        fields: which; those that the GPU does not support are asked for once.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        known = [(field, field_id(field.name)) for field in fields]
        self._wanted = [(field, (identity, field.scope)) for field, identity in known if identity]
        self._first = True

    @property
    def wanted(self) -> set[Field]:
        """Those that are asked for."""
        return {field for field, _ in self._wanted}

    def read(self, gpu: Gpu) -> dict[Field, float]:
        """Read all of them by one call; what has no value now is absent."""
        if not self._wanted:
            return {}
        answer = gpu.ask_fields([key for _, key in self._wanted])
        if answer is None:
            if gpu.lacks_fields:
                self._wanted = []
            return {}
        rows = list(_VALUE.iter_unpack(answer))
        found = {field: _number(row) for (field, _), row in zip(self._wanted, rows, strict=True) if row[5] == 0}
        self._forget(rows)
        return {field: value for field, value in found.items() if not is_blank(value)}

    def _forget(self, rows: list[tuple[int, ...]]) -> None:
        """Ask no more for what is not supported; a GPU does not learn."""
        settled = (pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_INVALID_ARGUMENT)
        if self._first:
            self._wanted = [each for each, row in zip(self._wanted, rows, strict=True) if row[5] not in settled]
        self._first = False


def _number(row: tuple[int, ...]) -> float:
    if row[4] == _DOUBLE:
        return float(struct.unpack("=d", struct.pack("=q", row[6]))[0])
    return row[6] if row[4] in _SIGNED else row[6] & _64_BITS
