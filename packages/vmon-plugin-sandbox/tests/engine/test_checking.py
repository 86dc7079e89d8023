"""Checks: lines, messages and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_sandbox.engine.advice import MODULES

if TYPE_CHECKING:
    from vmon_plugin_sandbox.engine import Engine

SIGNATURE = "checkpoint: Checkpoint"
STUBS = """
class Checkpoint:
    metrics: dict[str, float]
    server: str

def collect_gpu_metrics() -> dict[str, float]: ...
"""


@pytest.mark.parametrize(
    ("code", "line", "kind", "help_"),
    [
        ("return (", 1, "syntax", ""),
        ("x = 1\nreturn 1 if x else", 2, "syntax", ""),
        ("return checkpoint.metrcs", 1, "type", "did you mean `metrics`? available: metrics, server"),
        ("\nreturn checkpoint.metrics.gett('x')", 2, "type", "did you mean `get`?"),
        ("return collect_gpu_metrcs()", 1, "type", "did you mean `collect_gpu_metrics`? available: checkpoint, "),
        ("return math.floor(1.5)", 1, "type", "write `import math` first"),
        ("import socket", 1, "type", "available: base64, "),
        ("import math\nreturn math.floorr(2.5)", 2, "type", "did you mean `math.floor`?"),
        ("x: int = 'a'\nreturn x", 1, "type", ""),
        ("x = 1\nclass A(dict): pass", 2, "syntax", "functions, lists and dicts"),
        ("#" * 20_000, None, "limit", "write less"),
    ],
)
def test_a_problem_says_where_and_what_helps(
    engine: Engine, code: str, line: int | None, kind: str, help_: str
) -> None:
    """The lines are those of the code's author."""
    [problem] = engine.check(code, SIGNATURE, STUBS)
    assert (problem.line, problem.code) == (line, kind)
    assert help_ in problem.help


@pytest.mark.parametrize(
    "code",
    [
        "return checkpoint.metrics.get('gpu_temp', 0) > 80",
        "s = '''a\nb'''\nreturn s",
        "return 1 / 0",
        "while True: pass",
        "global q\nq = 1",
    ],
)
def test_good_code_has_no_problems(engine: Engine, code: str) -> None:
    """Nothing of it is run."""
    assert engine.check(code, SIGNATURE, STUBS) == ()


def test_all_problems_are_told_at_once(engine: Engine) -> None:
    """An agent mends them in one go."""
    problems = engine.check("import socket\nx = nosuch\nclass A(dict): pass", SIGNATURE, STUBS)
    assert [(p.line, p.code) for p in problems] == [(1, "type"), (2, "type"), (3, "syntax")]


def test_code_cannot_leave_the_function_it_is_checked_in(engine: Engine) -> None:
    """Whatever counts as the end of a line."""
    for end in ("\n", "\r", "\r\n", "\f", "\v", "\x1c", "\x85", "\u2028", "\\\n"):
        code = f"x = 1{end}if True:{end}    raise ValueError(x)"
        assert all(problem.code == "syntax" for problem in engine.check(code, SIGNATURE, STUBS)), repr(end)


@pytest.mark.parametrize("name", MODULES)
def test_modules_exist(engine: Engine, name: str) -> None:
    """What the help promises can be imported."""
    assert engine.check(f"import {name}\nreturn 1") == ()
    assert engine.run(f"import {name}\nreturn 1").value == 1
