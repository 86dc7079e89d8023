"""Short ways to say what a rule concluded."""

from __future__ import annotations

from vmon_core.records import CheckVerdict, CompatibilityCheck


def ok(code: str, summary: str, *evidence: str) -> CompatibilityCheck:
    """All is well, with the figures that say so."""
    return CompatibilityCheck(code=code, verdict=CheckVerdict.OK, summary=summary, evidence=evidence)


def warning(code: str, summary: str, *evidence: str, fix: str = "") -> CompatibilityCheck:
    """It can start, but something will hurt or surprise."""
    return CompatibilityCheck(code=code, verdict=CheckVerdict.WARNING, summary=summary, evidence=evidence, fix=fix)


def failure(code: str, summary: str, *evidence: str, fix: str = "") -> CompatibilityCheck:
    """It will not start."""
    return CompatibilityCheck(code=code, verdict=CheckVerdict.FAILURE, summary=summary, evidence=evidence, fix=fix)


def not_evaluated(code: str, why: str, *evidence: str, fix: str = "") -> CompatibilityCheck:
    """It cannot be told."""
    return CompatibilityCheck(code=code, verdict=CheckVerdict.NOT_EVALUATED, summary=why, evidence=evidence, fix=fix)
