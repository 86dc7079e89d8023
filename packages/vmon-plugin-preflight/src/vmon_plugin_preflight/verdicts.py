"""Short ways to say what a rule concluded."""

from __future__ import annotations

from vmon_core.records import CheckVerdict, CompatibilityCheck

_LONGEST = 1000
"""Characters of a text that is shown: names and values come from others, who may have written a megabyte."""


def plain(text: str) -> str:
    r"""Make a text fit to be shown: not endless, and without characters that a terminal would obey.

    >>> plain("red \x1b[31m")
    'red \\x1b[31m'
    """
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown)


def _check(code: str, verdict: CheckVerdict, summary: str, evidence: tuple[str, ...], fix: str) -> CompatibilityCheck:
    return CompatibilityCheck(
        code=code, verdict=verdict, summary=plain(summary), evidence=tuple(map(plain, evidence)), fix=plain(fix)
    )


def ok(code: str, summary: str, *evidence: str) -> CompatibilityCheck:
    """All is well, with the figures that say so."""
    return _check(code, CheckVerdict.OK, summary, evidence, "")


def warning(code: str, summary: str, *evidence: str, fix: str = "") -> CompatibilityCheck:
    """It can start, but something will hurt or surprise."""
    return _check(code, CheckVerdict.WARNING, summary, evidence, fix)


def failure(code: str, summary: str, *evidence: str, fix: str = "") -> CompatibilityCheck:
    """It will not start."""
    return _check(code, CheckVerdict.FAILURE, summary, evidence, fix)


def not_evaluated(code: str, why: str, *evidence: str, fix: str = "") -> CompatibilityCheck:
    """It cannot be told."""
    return _check(code, CheckVerdict.NOT_EVALUATED, why, evidence, fix)
