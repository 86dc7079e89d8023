"""Quantiles that claim no more than the buckets know."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vmon_plugin_vllm.metrics.exposition import ExpositionParser
from vmon_plugin_vllm.metrics.histogram import Histogram, Quantile, histograms

TRACES = Path(__file__).parents[4] / "tests" / "traces"
EDGES = (0.1, 0.5, 1.0, math.inf)


def of(values: list[float], edges: tuple[float, ...] = EDGES) -> Histogram:
    """The histogram that a server would show of these values."""
    return Histogram(edges, tuple(sum(value <= edge for value in values) for edge in edges), sum(values))


def test_range_is_the_bucket() -> None:
    """The median of values between two edges lies between them, and no more is claimed."""
    median = of([0.2, 0.3, 0.4]).quantile(0.5)
    assert median == Quantile(0.5, 0.1, 0.5, 3)
    assert median is not None
    assert (median.resolution, median.saturated) == (pytest.approx(0.4), False)


def test_beyond_the_last_edge() -> None:
    """A quantile above the last edge is flagged: only its lower limit is known."""
    quantile = of([0.2, 5.0, 6.0]).quantile(0.99)
    assert quantile is not None
    assert (quantile.low, quantile.high, quantile.saturated) == (1.0, math.inf, True)


def test_empty_has_no_quantile() -> None:
    """No values, no quantile: not zero."""
    assert of([]).quantile(0.5) is None
    assert Histogram((), ()).quantile(0.5) is None


def test_first_bucket() -> None:
    """Below the first edge lies zero, unless the edges say that values can be negative."""
    for edges, low in (((0.1, math.inf), 0.0), ((-1.0, 1.0, math.inf), -math.inf)):
        quantile = of([-2.0], edges).quantile(0)
        assert quantile is not None
        assert quantile.low == low


def test_bad_quantile() -> None:
    """A quantile outside of 0 to 1 is the caller's mistake."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        of([0.2]).quantile(50)


def test_window() -> None:
    """Between two scrapes only what came since counts."""
    before, after = of([0.05] * 100), of([0.05] * 100 + [0.7] * 3)
    since = after.since(before)
    assert (since.count, since.sum) == (3, pytest.approx(2.1))
    quantile = since.quantile(0.5)
    assert quantile is not None
    assert (quantile.low, quantile.high) == (0.5, 1.0)


def test_window_without_news_is_empty() -> None:
    """When nothing was observed since, there is no quantile."""
    assert of([0.2]).since(of([0.2])).quantile(0.5) is None


def test_reset_and_other_buckets() -> None:
    """After a restart, or with other buckets, everything there is is new."""
    assert of([0.2]).since(of([0.2, 0.3])) == of([0.2])
    assert of([0.2]).since(of([0.2], (0.2, math.inf))) == of([0.2])


def test_unknown_sum_stays_unknown() -> None:
    """A sum that is not exposed is not zero."""
    bare = Histogram(EDGES, (0, 1, 1, 1))
    assert bare.since(Histogram(EDGES, (0, 0, 0, 0), 0.0)).sum is None


def test_recorded_histograms() -> None:
    """A recorded window under load gives the quantile's bucket and sums that fit."""
    parser = ExpositionParser()
    scrapes = [
        histograms(parser.parse((TRACES / "overload" / f"metrics-overload{n}.txt").read_bytes())) for n in (0, 1)
    ]
    key = ("vllm.latency.e2e", (("engine", "0"), ("model_name", "tiny")))
    window = scrapes[1][key].since(scrapes[0][key])
    assert window.count == 349 - 172
    quantile = window.quantile(0.9)
    assert quantile is not None
    assert quantile.low < quantile.high
    assert window.sum is not None
    assert 0 < window.sum / window.count <= 60


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=50), st.floats(0, 1))
def test_true_quantile_lies_within(values: list[float], q: float) -> None:
    """The nearest-rank quantile of the values is always within the range that is given."""
    quantile = of(values).quantile(q)
    assert quantile is not None
    true = sorted(values)[max(1, math.ceil(q * len(values))) - 1]
    assert quantile.low < true <= quantile.high


@given(st.lists(st.floats(0.001, 10), max_size=20), st.lists(st.floats(0.001, 10), max_size=20))
def test_window_is_the_histogram_of_what_came(before: list[float], after: list[float]) -> None:
    """The difference of two scrapes is the histogram of the values in between."""
    assume(before or after)
    assert of(before + after).since(of(before)).counts == of(after).counts
