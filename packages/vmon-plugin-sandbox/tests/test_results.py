"""Answers: whatever code returns, it is read or refused with a problem, never more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.dynamic import CodeKind, CodePlugin
from vmon_core.records import Finding, Sample, Severity
from vmon_plugin_sandbox.engine.errors import SandboxRuntimeError
from vmon_plugin_sandbox.results import Choice, label, read

WORDS = st.sampled_from(["status", "ok", "warning", "name", "value", "labels", "unit", "action", "notify", "code", "a"])
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(), inner, max_size=4),
    max_leaves=12,
)


def plugin(kind: CodeKind) -> CodePlugin:
    """One that may notify."""
    return CodePlugin(name="p", kind=kind, code="", actions=("notify",))


@given(st.sampled_from(CodeKind), PLAIN)
def test_any_answer_is_read_or_refused(kind: CodeKind, value: Any) -> None:
    """And what is read has its type."""
    refusal: SandboxRuntimeError | None = None
    try:
        answer = read(plugin(kind), value, 1.0)
    except SandboxRuntimeError as error:
        refusal = error
    if refusal is not None:
        assert refusal.problem.code in {"result", "grant"}
        assert refusal.problem.help
        return
    if kind is CodeKind.COLLECTOR:
        assert all(isinstance(sample, Sample) and isinstance(sample.value, float) for sample in answer)
    elif kind is CodeKind.ANALYZER:
        assert all(isinstance(finding, Finding) and finding.code.startswith("code.p") for finding in answer)
    elif kind is CodeKind.GUARDRAIL:
        assert answer is value
    elif kind is CodeKind.INTERVENTION:
        assert answer is None or (isinstance(answer, Choice) and answer.kind == "notify")


def test_a_list_of_findings() -> None:
    """Each with its own code, entities and advice."""
    items = [{"status": "ok"}, {"status": "critical", "summary": "hot", "code": "heat", "entities": ["GPU 3"]}]
    [finding] = read(plugin(CodeKind.ANALYZER), items, 1.0)
    assert (finding.code, finding.severity, finding.entities) == ("code.p.heat", Severity.CRITICAL, ("GPU 3",))


@pytest.mark.parametrize("kind", [CodeKind.COLLECTOR, CodeKind.ANALYZER])
def test_too_many_are_refused(kind: CodeKind) -> None:
    """With what is allowed."""
    value = [{"status": "warning", "name": "a", "value": 1}] * 300
    items = value if kind is CodeKind.ANALYZER else [{"name": "a", "value": 1}] * 300
    with pytest.raises(SandboxRuntimeError, match="are allowed"):
        read(plugin(kind), items, 1.0)


def test_text_of_code_is_one_line() -> None:
    """It cannot forge lines of a log or move the cursor of a terminal."""
    assert label("a\nb\x1b[2J", 6) == "a b [2J"[:5] + "…"
