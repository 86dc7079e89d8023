"""Numbers among what the library returns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_amd.values import at, number, text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize("blank", ["N/A", None, True, 0xFFFF, 0xFFFFFFFF, 2**64 - 1, math.nan, math.inf, [], ["N/A"]])
def test_blanks_are_no_numbers(blank: object) -> None:
    """However a version writes that there is none."""
    assert number(blank, 16) is None


def test_a_wide_field_may_hold_what_is_a_blank_of_a_narrow_one() -> None:
    """65535 MiB is a size; in a field of 16 bits it is nothing."""
    assert (number(0xFFFF, 32), number(0xFFFF, 16), number(0, 16)) == (65535.0, None, 0.0)


@given(JSON, st.sampled_from([16, 32, 64]))
def test_whatever_is_returned_is_understood(value: object, bits: int) -> None:
    """A number is finite; nothing raises."""
    found = number(value, bits)
    assert found is None or math.isfinite(found)
    at(value, "a.b")
    text(value)
