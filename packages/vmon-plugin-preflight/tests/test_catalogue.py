"""Every code is explained, and every explained code is one that a test asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmon_plugin_preflight.catalogue import explanations
from vmon_plugin_preflight.command import problem
from vmon_plugin_preflight.manifest.rules import CODES as MANIFEST
from vmon_plugin_preflight.registry import all_rules

TESTS = "\n".join(p.read_text() for p in Path(__file__).parent.rglob("test_*.py"))

COMMAND = {problem.NOT_UNDERSTOOD, problem.INVALID, problem.AMBIGUOUS, problem.NO_MODEL, problem.CONFIG_FILE}

CODES = {code for rule in all_rules() for code in rule.codes} | COMMAND | {"preflight.skipped"} | set(MANIFEST)


def test_exactly_what_is_emitted_is_explained() -> None:
    """No code without an explanation, no explanation without a code."""
    assert set(explanations()) == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_asked_for_by_a_test(code: str) -> None:
    """Its explanation says something, and some test expects it."""
    assert len(explanations()[code]) > 60
    assert f'"{code}"' in TESTS
