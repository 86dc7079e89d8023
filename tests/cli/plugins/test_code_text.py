"""What code printed is shown to a person, who must not be fooled by it."""

from __future__ import annotations

from vmon_core.cli.plugins.code import problem_lines
from vmon_core.dynamic import Problem


def test_problems_cannot_steer_the_terminal() -> None:
    """Escape sequences of an agent's code are shown, not obeyed."""
    lines = problem_lines([Problem(message="\x1b[2Jall is well\n", help="\x1b]0;title\x07")])
    assert lines == ["  \\x1b[2Jall is well\\x0a (runtime)", "    \\x1b]0;title\\x07"]
