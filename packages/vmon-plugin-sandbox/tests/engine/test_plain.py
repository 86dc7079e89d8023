"""What comes out is of JSON's types, exactly, and bounded."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_sandbox.engine import Limits, SandboxError, SandboxLimitError, SandboxRuntimeError, plain

SIZES = Limits(nodes=50, depth=4, text=40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None))
VALUES = st.recursive(
    SCALARS | st.binary() | st.sets(st.integers()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=60,
)


@given(VALUES)
def test_whatever_passes_is_json(value: Any) -> None:
    """Strict JSON holds it, and gives back the same."""
    try:
        found = plain(value, SIZES)
    except SandboxError:
        return
    assert json.loads(json.dumps(found, allow_nan=False).encode()) == found


@given(VALUES)
def test_it_is_a_copy_that_stays_the_same(value: Any) -> None:
    """Reducing what was reduced changes nothing."""
    try:
        found = plain(value, SIZES)
    except SandboxError:
        return
    assert plain(found, SIZES) == found


class Number(int):
    """A subclass may lie about itself."""


@pytest.mark.parametrize(
    "value",
    [
        Number(1),
        {1},
        b"x",
        1j,
        object,
        len,
        SimpleNamespace(),
        {1: 2},
        float("nan"),
        float("-inf"),
        "\ud800",
        {"\ud800": 1},
    ],
    ids=repr,
)
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    """The message names the type, the help what to return instead."""
    with pytest.raises(SandboxRuntimeError) as caught:
        plain([value], SIZES)
    assert caught.value.problem.code == "result"
    assert caught.value.problem.help


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63),
        "x" * 41,
        "ä" * 21,
        {"x" * 41: 1},
        ["x" * 21, "y" * 20],
        [[[[[[]]]]]],
        [0] * 50,
        {str(n): 0 for n in range(25)},
    ],
    ids=[
        "wide",
        "negative",
        "long",
        "bytes",
        "key",
        "together",
        "deep",
        "many",
        "many keys",
    ],
)
def test_what_is_too_large_is_refused(value: object) -> None:
    """Each limit has a value that is just beyond it."""
    with pytest.raises(SandboxLimitError) as caught:
        plain(value, SIZES)
    assert caught.value.problem.code == "limit"


@pytest.mark.parametrize(
    "value", [2**63 - 1, "x" * 40, "ä" * 20, ["x" * 20, "y" * 20], [[[[[]]]]], [0] * 49, {str(n): 0 for n in range(24)}]
)
def test_what_just_fits_is_taken(value: object) -> None:
    """And one that is just within it."""
    assert plain(value, SIZES) == value
