"""Findings are told once when they appear and once when they are over."""

from __future__ import annotations

import attrs

from vmon_core.pipeline.findings import OpenFindings
from vmon_core.records import Finding, Severity

HUNG = Finding(code="engine.unresponsive", severity=Severity.CRITICAL, summary="no answer", time=1.0)


def test_new_finding_is_news_once() -> None:
    """Reported again and again, it is news the first time only."""
    findings = OpenFindings()
    assert findings.update([HUNG], 1.0) == (HUNG,)
    assert findings.update([attrs.evolve(HUNG, time=2.0)], 2.0) == ()
    assert findings.codes == ("engine.unresponsive",)


def test_worse_finding_is_news_again() -> None:
    """The same finding with a higher severity is told again."""
    findings = OpenFindings()
    findings.update([attrs.evolve(HUNG, severity=Severity.WARNING)], 1.0)
    assert findings.update([HUNG], 2.0) == (HUNG,)


def test_finding_that_is_over_is_told_with_its_time() -> None:
    """What is no longer reported is told as cleared, at that time."""
    findings = OpenFindings()
    findings.update([HUNG], 1.0)
    (over,) = findings.update([], 5.0)
    assert (over.cleared, over.time, over.code) == (True, 5.0, HUNG.code)
    assert findings.all == ()


def test_same_code_about_others_is_another_finding() -> None:
    """The entities are part of what a finding is about."""
    findings = OpenFindings()
    one, two = (attrs.evolve(HUNG, entities=(name,)) for name in ("Worker_TP0", "Worker_TP1"))
    assert len(findings.update([one, two], 1.0)) == 2
