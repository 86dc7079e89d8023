"""The header of a safetensors file: which tensors it holds, without reading one of them.

A file begins with the length of its header (eight bytes, little-endian), then the header (JSON), then the tensors, one
after another without a gap: https://github.com/huggingface/safetensors#format. The rules here are those of its
reference implementation, which refuses what breaks them when vLLM opens the file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 100_000_000
"""Bytes that a header may have; the reference implementation refuses longer ones."""

_PREFIX = struct.Struct("<Q")
_MOST_BITS = 1 << 64  # the reference implementation counts bytes in a machine word

_POINTER = b"version "  # how the text begins that Git LFS puts in place of a file

BITS: Mapping[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E4M3FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""Bits of one element, by the name that the format gives its type."""


class HeaderError(ValueError):
    """A file is no safetensors file, or a damaged one; the message says what is wrong with it."""


class Tensor(NamedTuple):
    """One tensor as a header describes it: its type, its shape, and the bytes that it takes in the file."""

    dtype: str
    shape: tuple[int, ...]
    size: int


@attrs.frozen
class Header:
    """What a file holds.

    Attributes:
        tensors: by name.
        size: bytes of the whole file, as its header demands.
    """

    tensors: Mapping[str, Tensor]
    size: int


def read_header(path: Path) -> Header:
    """Read and check the header of the file at `path`.

    Raises:
        HeaderError: vLLM could not open the file.
        OSError: this process cannot read it.
    """
    with path.open("rb") as file:
        prefix = file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            message = f"has {len(prefix)} bytes, which is no header"
            raise HeaderError(message)
        if prefix == _POINTER:
            message = "is a pointer of Git LFS: the file itself was never downloaded"
            raise HeaderError(message)
        (length,) = _PREFIX.unpack(prefix)
        actual = file.seek(0, 2)
        _check_length(length, actual)
        file.seek(_PREFIX.size)
        header = parse_header(file.read(length))
    if header.size != actual:
        message = f"has {actual} bytes, and its header describes {header.size}"
        raise HeaderError(message + (": it is cut short" if actual < header.size else ""))
    return header


def _check_length(length: int, actual: int) -> None:
    """Refuse a header that cannot be, before reading it."""
    if length > LONGEST:
        message = f"claims a header of {length} bytes, and {LONGEST} is the limit"
        raise HeaderError(message)
    if _PREFIX.size + length > actual:
        message = f"claims a header of {length} bytes, and has {actual} in all"
        raise HeaderError(message)


def parse_header(data: bytes) -> Header:
    """Understand the JSON of a header.

    Raises:
        HeaderError: it breaks the format.

    >>> parse_header(b'{"norm": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}').tensors
    {'norm': Tensor(dtype='BF16', shape=(4,), size=8)}
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        message = "has a header that is no JSON"
        raise HeaderError(message) from None
    if not isinstance(document, dict) or not data.startswith(b"{"):
        message = "has a header that is no JSON object"
        raise HeaderError(message)
    document.pop("__metadata__", None)
    spans = sorted((_span(name, entry) for name, entry in document.items()), key=lambda span: span[:2])
    tensors = {name: tensor for _, _, name, tensor in spans}
    return Header(tensors, _PREFIX.size + len(data) + _covered(spans))


def _span(name: str, entry: Any) -> tuple[int, int, str, Tensor]:  # noqa: ANN401 (JSON)
    """Where a tensor lies, and what it is."""
    try:
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        valid = begin >= 0 and all(type(n) is int and n >= 0 for n in shape) and type(begin) is type(end) is int
    except (TypeError, KeyError, ValueError):
        valid = False
    if not valid:
        message = f"has no valid description of the tensor {name!r:.80}"
        raise HeaderError(message)
    _check_size(name, dtype, shape, end - begin)
    return begin, end, name, Tensor(dtype, shape, end - begin)


def _check_size(name: str, dtype: object, shape: tuple[int, ...], size: int) -> None:
    """A tensor takes as many bytes as its type and shape need; an unknown type is for a newer reader to judge."""
    if not isinstance(dtype, str) or (bits := BITS.get(dtype)) is None:
        message = f"has a tensor {name!r:.80} of the unknown type {dtype!r:.20}"
        raise HeaderError(message)
    for count in shape:
        bits *= count
        if bits > _MOST_BITS:
            message = f"has a tensor {name!r:.80} larger than any file"
            raise HeaderError(message)
    if bits != 8 * size:
        message = f"gives the tensor {name!r:.80} {size} bytes, where {dtype} {list(shape)} needs {bits / 8:.0f}"
        raise HeaderError(message)


def _covered(spans: list[tuple[int, int, str, Tensor]]) -> int:
    """Bytes of all tensors, which lie one after another."""
    position = 0
    for begin, end, name, _ in spans:
        if begin != position:
            message = f"has a gap or an overlap before the tensor {name!r:.80}"
            raise HeaderError(message)
        position = end
    return position
