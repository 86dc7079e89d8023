"""Replay: gaps are filled so that time passes, in order and the same every time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vmon_core.pipeline.replay import STEP, paced
from vmon_core.records import Frame


@given(st.lists(st.floats(0, 60, allow_nan=False), min_size=1, max_size=20))
def test_pacing_leaves_no_gap_and_keeps_order(times: list[float]) -> None:
    """No two frames are further apart than a step, and none is lost or moved."""
    frames = [Frame(round(t, 3)) for t in sorted(times)]
    filled = list(paced(frames))
    assert all(0 <= b.time - a.time <= STEP + 1e-9 for a, b in pairwise(filled))
    assert [f for f in filled if any(f is g for g in frames)] == frames
