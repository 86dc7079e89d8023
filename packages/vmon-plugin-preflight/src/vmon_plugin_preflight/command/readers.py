"""How vLLM reads the text of a value; each reader raises ValueError for what it does not take."""

from __future__ import annotations

import argparse
import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SUFFIXED = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT])")
_BARE_SUFFIXED = re.compile(r"\b\d+(?:\.\d+)?[kKmMgGtT]\b")
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")')
_OBJECT = re.compile(r"\s*{.*}\s*", re.DOTALL)


def human_readable_int(text: str) -> int:
    """Read an integer with an optional suffix: lower case counts in thousands, upper case in 1024s.

    >>> human_readable_int("2k"), human_readable_int("2K"), human_readable_int("25.6k")
    (2000, 2048, 25600)
    """
    match = _SUFFIXED.fullmatch(text.strip())
    if match is None:
        return int(text)
    number, suffix = match.groups()
    power = "kmgt".index(suffix.lower()) + 1
    if suffix.islower():
        return int(float(number) * 1000.0**power)
    if "." in number:
        msg = f"a number with a decimal point takes no {suffix}; write {number}{suffix.lower()}"
        raise argparse.ArgumentTypeError(msg)
    return int(number) << (10 * power)


def human_readable_int_or_auto(text: str) -> int:
    """Read the same, or `auto` as -1."""
    return -1 if text.strip().lower() == "auto" else human_readable_int(text)


def json_value(text: str) -> Any:  # noqa: ANN401 (JSON is anything)
    """Read JSON; numbers outside of strings may have suffixes, "" and `None` stand for nothing."""
    if text in {"", "None"}:
        return None
    parts = _QUOTED.split(text)
    parts[::2] = [_BARE_SUFFIXED.sub(lambda m: str(human_readable_int(m.group())), part) for part in parts[::2]]
    return json.loads("".join(parts))


def json_or_text(text: str) -> Any:  # noqa: ANN401 (likewise)
    """Read what is in braces as JSON; everything else is text."""
    return json_value(text) if _OBJECT.fullmatch(text) else text


def backend(text: str) -> str:
    """Read the name of a backend: hyphens and upper case are forgiven."""
    return text.lower().replace("-", "_")


READERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "int": int,
        "float": float,
        "str": str,
        "human_readable_int": human_readable_int,
        "human_readable_int_or_auto": human_readable_int_or_auto,
        "json": json_value,
        "json_or_text": json_or_text,
        "backend": backend,
    }
)
"""The readers by the names that the recorded tables use."""
