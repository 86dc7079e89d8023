"""Explanations of findings about devices."""

from __future__ import annotations

from vmon_core.device_health import explain_finding
from vmon_core.device_health.explanations import EXPLANATIONS
from vmon_core.device_health.findings import CODES


def test_every_finding_is_explained_and_nothing_else() -> None:
    """A new finding needs an explanation; one that is not made any more needs none."""
    assert EXPLANATIONS.keys() == CODES
    assert explain_finding("gpu.count") is None


def test_explanations_are_sentences() -> None:
    """What it is comes first, then what to make of it."""
    for code in CODES:
        lines = (explain_finding(code) or "").splitlines()
        assert len(lines) >= 2, code
        assert all(line.endswith(".") for line in lines), code
