"""Reads code and checks its types, in a worker: the monitor itself never parses what it does not trust."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import attrs
import pydantic_monty

from vmon_core.dynamic import Problem
from vmon_plugin_sandbox.engine import advice, failures
from vmon_plugin_sandbox.engine.declared import declared
from vmon_plugin_sandbox.engine.errors import SandboxError
from vmon_plugin_sandbox.engine.source import check_size

if TYPE_CHECKING:
    from vmon_plugin_sandbox.engine.limits import Limits
    from vmon_plugin_sandbox.engine.pool import Pool

MOST = 20
"""Problems that are told at once; the first ones are usually the cause of the others."""

_WRAPPER_LINES = 1
_WARNINGS = {"info", "minor"}
_SYNTAX = "invalid-syntax"


@attrs.frozen
class Wrapped:
    """Code as the body of a function, so that `return` is allowed and nothing of it runs.

    Attributes:
        code: the body.
        signature: the function's parameters.
        stubs: declarations of what the code may use, as in a stub file.
        name: what it is called in messages.
    """

    code: str
    signature: str = ""
    stubs: str = ""
    name: str = "plugin.py"

    @property
    def text(self) -> str:
        """The function. Each line is indented, so none can leave the body."""
        return f"def __vmon_plugin__({self.signature}):\n{textwrap.indent(self.code, '    ', lambda _: True)}\n"

    def line(self, row: int | None) -> int | None:
        """The line of the code for a row of the function."""
        last = self.code.rstrip().count("\n") + 1
        return None if row is None else min(max(row - _WRAPPER_LINES, 1), last)


@attrs.frozen
class _Finding:
    row: int | None
    code: str
    message: str
    help: str = ""


def check_source(pool: Pool, limits: Limits, wrapped: Wrapped) -> tuple[Problem, ...]:
    """Say what is wrong with a piece of code.

    Args:
        pool: where to ask.
        limits: what a run may use; a check gets more.
        wrapped: the code and what it may use.

    Raises:
        SandboxUnavailableError: there is no worker.
    """
    try:
        check_size(wrapped.code, limits)
        found = _findings(pool, limits, wrapped)
    except SandboxError as error:
        return (error.problem,)
    known = declared(wrapped.signature, wrapped.stubs)
    problems = [
        Problem(
            message=one.message,
            line=wrapped.line(one.row),
            help=one.help or advice.for_finding(one.message, known),
            code=one.code,
        )
        for one in found
    ]
    return tuple(sorted(problems, key=lambda problem: problem.line or 0)[:MOST])


def _findings(pool: Pool, limits: Limits, wrapped: Wrapped) -> list[_Finding]:
    options = {
        "limits": limits.for_checking().for_monty(),
        "script_name": wrapped.name,
        "type_check": True,
        "type_check_stubs": wrapped.stubs or None,
        "type_check_format": "gitlab",
    }
    try:
        with pool.session(**options) as session:
            types = _types(session, wrapped.text)
            unreadable = any(one.code == "syntax" for one in types)
            return types if unreadable else [*types, *_grammar(pool, session, wrapped.text)]
    except pydantic_monty.MontyError as error:
        raise failures.translated(error) from None


def _types(session: pydantic_monty.MontySession, text: str) -> list[_Finding]:
    """What the type checker says; its warnings are no reason to refuse anything."""
    try:
        session.feed_run(text)
    except pydantic_monty.MontyTypingError as error:
        return _parsed(error.display())
    except (pydantic_monty.MontyRuntimeError, pydantic_monty.MontySyntaxError):
        return []  # the interpreter's own words come next
    return []


def _parsed(report: str) -> list[_Finding]:
    """Read the one format of the checker that tells an error from a warning; what is minor is a warning."""
    return [
        _Finding(
            row=entry["location"]["positions"]["begin"]["line"],
            code="syntax" if entry["check_name"] == _SYNTAX else "type",
            message=entry["description"].removeprefix(f"{entry['check_name']}: "),
        )
        for entry in json.loads(report)
        if entry["severity"] not in _WARNINGS
    ]


def _grammar(pool: Pool, session: pydantic_monty.MontySession, text: str) -> list[_Finding]:
    """What the interpreter cannot do, of which the type checker knows nothing."""
    try:
        session.feed_run(text, skip_type_check=True)
    except (pydantic_monty.MontyRuntimeError, pydantic_monty.MontySyntaxError) as error:
        problem = failures.translated(error).problem
        if problem.code == "limit":
            pool.kill(session)
        return [_Finding(problem.line, problem.code, problem.message, problem.help)]
    return []
