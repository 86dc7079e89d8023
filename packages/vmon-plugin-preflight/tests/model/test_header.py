"""Headers of safetensors files: real ones, damaged ones, lying ones."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmon_plugin_preflight.model.header import LONGEST, HeaderError, parse_header, read_header
from vmon_testkit.models import llama_tensors, write_safetensors

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}


def header(**changes: object) -> bytes:
    """A header of one tensor, with a part of it changed."""
    return json.dumps({"a": {**GOOD["a"], **changes}}).encode()


def test_reads_what_was_written(tmp_path: Path) -> None:
    """Names, types, shapes and bytes come back."""
    path = tmp_path / "model.safetensors"
    write_safetensors(path, llama_tensors())
    found = read_header(path)
    assert {name: (t.dtype, t.shape) for name, t in found.tensors.items()} == llama_tensors()
    assert found.size == path.stat().st_size


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes, which is no header"),
        (struct.pack("<Q", 1 << 50) + b"{}", "claims a header of 1125899906842624 bytes, and 100000000 is the limit"),
        (struct.pack("<Q", 50) + b"{}", "claims a header of 50 bytes, and has 10 in all"),
        (struct.pack("<Q", 2) + b"[]", "no JSON object"),
        (struct.pack("<Q", 2) + b"{!", "no JSON"),
        (struct.pack("<Q", len(header())) + header() + b"\0" * 5, "it is cut short"),
        (struct.pack("<Q", len(header())) + header() + b"\0" * 13, "its header describes"),
    ],
)
def test_damaged_file(tmp_path: Path, data: bytes, reason: str) -> None:
    """What is wrong with it is told."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(HeaderError, match=reason):
        read_header(path)


def test_a_petabyte_is_not_read(tmp_path: Path) -> None:
    """A sparse file as long as its header claims to be costs nothing either."""
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", LONGEST + 1))
        file.truncate(LONGEST + 100)
    with pytest.raises(HeaderError, match="is the limit"):
        read_header(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dtype": "NOSUCH"}, "unknown type"),
        ({"dtype": 7}, "unknown type"),
        ({"shape": [2, -3]}, "no valid description"),
        ({"shape": [2.0, 3]}, "no valid description"),
        ({"shape": None}, "no valid description"),
        ({"shape": [2, 4]}, r"12 bytes, where BF16 \[2, 4\] needs 16"),
        ({"data_offsets": [0]}, "no valid description"),
        ({"data_offsets": [2, 14]}, "a gap or an overlap"),
    ],
)
def test_lying_header(changes: dict[str, object], reason: str) -> None:
    """A description that contradicts itself is refused."""
    with pytest.raises(HeaderError, match=reason):
        parse_header(header(**changes))


def test_overlapping_tensors() -> None:
    """Two tensors in one place are refused, as by the reference implementation."""
    with pytest.raises(HeaderError, match="overlap"):
        parse_header(json.dumps({**GOOD, "b": GOOD["a"]}).encode())


SCALAR = st.sampled_from([None, True, 0, -1, 7, 1.5, float("inf"), "", "x"])
JSON = SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(st.sampled_from("abc"), SCALAR, max_size=2)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["BF16", "F32", "F4"]) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(-1, 30), min_size=2, max_size=2) | JSON,
    },
)


@settings(max_examples=200)
@given(st.dictionaries(st.text(max_size=5), ENTRY | JSON, max_size=3))
def test_any_header_is_understood_or_refused(document: dict[str, object]) -> None:
    """No JSON makes it fail otherwise, and what is accepted adds up."""
    data = json.dumps(document).encode()
    try:
        found = parse_header(data)
    except HeaderError:
        return
    assert found.size == 8 + len(data) + sum(tensor.size for tensor in found.tensors.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(data: bytes) -> None:
    """So do bytes that are no JSON."""
    try:
        parse_header(data)
    except HeaderError:
        return
