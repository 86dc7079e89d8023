"""What is available instead: the help that goes with a problem."""

from __future__ import annotations

import difflib
import importlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pydantic_monty

    from vmon_plugin_sandbox.engine.declared import Declared

MODULES = (
    *("base64", "bisect", "collections", "copy", "csv", "dataclasses", "datetime", "decimal", "functools"),
    *("hashlib", "itertools", "json", "math", "random", "re", "time", "tomllib", "typing", "unicodedata"),
)
"""The modules of the interpreter that code has a use for; a test imports each."""

_LIMITS = (
    ("suspension limit", "call fewer host functions in one run"),
    ("memory limit", "keep and print less"),
    ("time limit", "do less in one run"),
    ("recursion", "use a loop"),
)


def modules() -> str:
    """The modules, as a sentence."""
    return f"importing it is not possible; available: {', '.join(MODULES)}"


def nearest(name: str, known: list[str]) -> str:
    """The known names, the one that was meant first."""
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean `{close[0]}`? " if close else ""
    return f"{meant}available: {', '.join(sorted(known))}" if known else ""


def for_exception(error: pydantic_monty.MontyRuntimeError) -> str:
    """What helps against an exception at run time, "" when nothing is known."""
    text = error.display("msg")
    if isinstance(error.exception(), ModuleNotFoundError):
        return modules()
    if isinstance(error.exception(), PermissionError | FileNotFoundError):
        return "code in the sandbox has no files; it has its inputs and the functions that are granted"
    return next((help_ for part, help_ in _LIMITS if part in text), "")


def for_finding(message: str, known: Declared) -> str:
    """What helps against something that the type check found, "" when nothing is known."""
    for pattern, help_for in _FINDINGS:
        match = pattern.search(message)
        if match:
            return help_for(match, known)
    return ""


def _module(_match: re.Match[str], _known: Declared) -> str:
    return modules()


def _member(match: re.Match[str], _known: Declared) -> str:
    """The member of a module that was meant."""
    if match["module"] not in MODULES:
        return modules()
    members = [member for member in dir(importlib.import_module(match["module"])) if not member.startswith("_")]
    close = difflib.get_close_matches(match["name"], members, n=1)
    return f"did you mean `{match['module']}.{close[0]}`?" if close else ""


def _attribute(match: re.Match[str], known: Declared) -> str:
    return nearest(match["name"], known.of_type(match["type"]))


def _undefined(match: re.Match[str], known: Declared) -> str:
    """A module that was not imported, or one of the names that there are."""
    if match["name"] in MODULES:
        return f"write `import {match['name']}` first"
    return nearest(match["name"], list(known.names))


_FINDINGS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Declared], str]], ...] = (
    (re.compile(r"Cannot resolve imported module `[^`]+`"), _module),
    (re.compile(r"Module `(?P<module>[^`]+)` has no member `(?P<name>[^`]+)`"), _member),
    (re.compile(r"Object of type `(?P<type>[^`]+)` has no attribute `(?P<name>[^`]+)`"), _attribute),
    (re.compile(r"Name `(?P<name>[^`]+)` used when not defined"), _undefined),
)
"""The type checker's messages, as of pydantic-monty 1.4; a test asks it for each."""
