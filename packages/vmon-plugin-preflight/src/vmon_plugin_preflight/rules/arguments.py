"""Rules about the words of the command line: what vLLM's parser and its configuration classes refuse."""

from __future__ import annotations

import operator
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmon_plugin_preflight.command.parse import nearest
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.command.table import Option
    from vmon_plugin_preflight.launch import Launch

_HOLDS: Mapping[str, tuple[Callable[[float, float], bool], str]] = MappingProxyType(
    {
        "gt": (operator.gt, "greater than"),
        "ge": (operator.ge, "at least"),
        "lt": (operator.lt, "less than"),
        "le": (operator.le, "at most"),
    }
)


_HINTED = 5
"""Unknown options for which a better one is looked for, which takes milliseconds each."""


@rule("arguments.unknown")
def unknown(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Every word must be one that this version takes."""
    arguments = launch.arguments
    words = launch.parsed.unknown
    if not words:
        yield ok("arguments.unknown", f"vLLM {arguments.table.version} takes every option")
        return
    # Only names: a value may be a secret whose option is misspelt.
    options = [w.partition("=")[0] for w in words if w.startswith("-")] or list(words)
    named = " ".join(options)
    hints = {w: nearest(w, arguments.table) for w in options[:_HINTED]}
    fix = "; ".join(f"write {hint} instead of {w}" for w, hint in hints.items() if hint) or f"remove {named}"
    if arguments.known:
        yield failure("arguments.unknown", f"vLLM {arguments.table.version} does not know {named}", fix=fix)
    else:
        version = launch.installation.version or "that will run"
        why = f"nobody recorded what version {version} takes; {arguments.table.version} does not know {named}"
        yield not_evaluated("arguments.unknown", why, fix=fix)


@rule("arguments.repeated")
def repeated(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Of an option that stands there twice, only the last one counts."""
    for flag in launch.parsed.repeated:
        summary = f"{flag} is given more than once; only the last one counts"
        yield warning("arguments.repeated", summary, fix=f"keep one {flag}")


@rule("arguments.out_of_range")
def ranges(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Numbers must lie within the limits of their configuration class."""
    options = launch.arguments.table.options.values()
    broken = [check for o in options if launch.arguments.given(o.dest) for check in _broken(launch, o)]
    yield from broken
    if not broken:
        yield ok("arguments.out_of_range", "every number is within its limits")


def _broken(launch: Launch, option: Option) -> Iterator[CompatibilityCheck]:
    number = launch.arguments.get(option.dest, float)
    if number is None:
        return
    for bound, limit in option.bounds.items():
        holds, words = _HOLDS[bound]
        if not holds(number, limit):
            flag = launch.arguments.flag(option.dest)
            yield failure(
                "arguments.out_of_range", f"{flag} {number:g} must be {words} {limit:g}", fix=_limits(flag, option)
            )
            return


def _limits(flag: str, option: Option) -> str:
    return f"{flag} takes a number " + " and ".join(f"{_HOLDS[b][1]} {n:g}" for b, n in option.bounds.items())


RULES = (unknown, repeated, ranges)
