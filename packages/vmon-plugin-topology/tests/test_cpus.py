"""Sets of processors in three spellings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmon_plugin_topology.cpus import MAX_CPUS, format_list, parse_list, parse_mask

CPUS = st.frozensets(st.integers(0, 700))


@given(CPUS)
def test_list_and_back(cpus: frozenset[int]) -> None:
    """What is written can be read."""
    assert parse_list(format_list(cpus)) == cpus


@given(CPUS, st.sampled_from(["", "0x"]))
def test_mask_and_back(cpus: frozenset[int], prefix: str) -> None:
    """Words of 32 bits, highest first, as Linux and hwloc write them."""
    bits = sum(1 << cpu for cpu in cpus)
    words = [f"{prefix}{bits >> 32 * place & 0xFFFFFFFF:08x}" for place in range(23)]
    assert parse_mask(",".join(reversed(words))) == cpus


@given(st.text(max_size=60))
def test_nonsense_is_bounded(text: str) -> None:
    """Whatever it is, the set is small and its numbers are possible."""
    assert all(0 <= cpu < MAX_CPUS for cpu in parse_list(text) | parse_mask(text))


def test_endless_mask_says_nothing() -> None:
    """A mask of all processors that there may ever be, as hwloc writes it, is none of this machine's."""
    assert parse_mask("0xf...f") == parse_mask(",".join(["ffffffff"] * 1000)) == frozenset()
    assert parse_mask("0x3,,") == frozenset({64, 65})
