"""What the fields of a code plugin may hold: records come from Python, from a socket and from agents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from vmon_core.dynamic import CodePlugin, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_DESCRIPTION = 500
MOST_WORDS = 20
"""Actions or functions that one plugin may name."""

LONGEST = 86_400.0
"""Seconds of the longest interval, a day: one that never ends is a plugin that never runs."""

_TEXTS = ("name", "code", "description", "owner")
_SECONDS = ("interval", "hold_for", "cooldown")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,63}")


def misshapen(plugin: CodePlugin) -> tuple[Problem, ...]:
    """What is of the wrong type or size; the other checks rely on it."""
    return tuple(Problem(message=message, help=help_, code="type") for message, help_ in _wrong(plugin))


def _wrong(plugin: CodePlugin) -> Iterator[tuple[str, str]]:
    fields = attrs.asdict(plugin, recurse=False)
    for name in _TEXTS:
        if not isinstance(fields[name], str):
            yield f"{name} is {type(fields[name]).__name__}", "give text"
    for name in _SECONDS:
        if not _is_time(fields[name]):
            yield f"{name} is no time", f"give seconds as a number from 0 to {LONGEST:g}"
    for name in ("actions", "functions"):
        if not _are_words(fields[name] if fields[name] is not None or name == "actions" else ()):
            yield f"{name} are no list of up to {MOST_WORDS} names", "give names such as ['notify']"
    owner, description = fields["owner"], fields["description"]
    if isinstance(owner, str) and not _WORD.fullmatch(owner):
        yield "the owner is no name", "use up to 64 letters, digits and _ . : @ - without spaces"
    if isinstance(description, str) and not _is_line(description):
        yield "the description is too long, or more than a line", f"use up to {LONGEST_DESCRIPTION} characters"


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST


def _are_words(value: object) -> bool:
    if not isinstance(value, tuple) or len(value) > MOST_WORDS:
        return False
    return all(isinstance(word, str) and _WORD.fullmatch(word) for word in value)


def _is_line(text: str) -> bool:
    return len(text) <= LONGEST_DESCRIPTION and text.isprintable()
