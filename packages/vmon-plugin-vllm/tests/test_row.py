"""Fields of rows that nobody has checked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_vllm.row import BadRowError, Row


@pytest.mark.parametrize("line", ["", "[1]", '"x"', '{"t": 1', "[" * 100_000])
def test_what_is_no_object(line: str) -> None:
    """Whatever is no JSON object is refused in one way."""
    with pytest.raises(BadRowError):
        Row.parse(line)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "true", '"1"', "null", "[]", f"1{'0' * 400}"])
def test_what_is_no_number(value: str) -> None:
    """Only a finite number is one; a whole one fits into 64 bits."""
    row = Row.parse(f'{{"x": {value}}}')
    with pytest.raises(BadRowError, match="x is not a finite number"):
        row.number("x")
    with pytest.raises(BadRowError, match="x is not a whole number"):
        row.whole("x")


def test_fields_of_the_right_type() -> None:
    """What is right is returned as it is; null is as good as absent."""
    row = Row.parse('{"t": 1.5, "pid": 7, "what": "/health", "code": null}')
    assert (row.number("t"), row.number("pid"), row.whole("pid"), row.text("what")) == (1.5, 7, 7, "/health")
    assert not row.has("code")
    assert not row.has("absent")
    with pytest.raises(BadRowError, match="t is not a whole number"):
        row.whole("t")


@given(st.text())
def test_text_can_be_written_again(text: str) -> None:
    """Half a surrogate pair, which JSON can hold, does not break the output."""
    assert Row({"x": text + "\ud800"}).text("x").encode() == text.encode("utf-8", "replace") + b"?"
