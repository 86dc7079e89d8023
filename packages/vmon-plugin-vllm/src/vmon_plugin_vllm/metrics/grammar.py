"""The lenient grammar of the Prometheus text format, for the lines that are not in the plain form.

What is read and what is refused follows prometheus_client's parser to the letter, oddities included, because that is
the parser that everyone tests against. The properties in `tests/metrics/test_exposition.py` hold the two together.
The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*$")
"""A name that needs no quotes."""

_RESERVED_LABEL = re.compile(r"__.*$")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r'\\[\\n"]')
_ESCAPED = {r"\\": "\\", r"\n": "\n", r"\"": '"'}
_MILLISECONDS = 1000


@attrs.frozen
class Series:
    """What a sample belongs to.

    Attributes:
        name: the sample's name, such as `vllm:prompt_tokens_total`.
        labels: label pairs in the order in which the server writes them.
    """

    name: str
    labels: tuple[tuple[str, str], ...] = ()


def unescape(text: str) -> str:
    r"""Resolve the escapes of a label value: backslash, newline and quote.

    >>> unescape(r"a\"b\\c")
    'a"b\\c'
    """
    return _ESCAPE.sub(lambda match: _ESCAPED[match[0]], text) if "\\" in text else text


def find_unquoted(text: str, wanted: str, start: int = 0) -> int:
    """Find the first of some characters outside of double quotes.

    Args:
        text: where to look.
        wanted: the characters; a quote is never found.
        start: where to begin; this place counts as unquoted.

    Returns:
        The position, or -1.

    >>> find_unquoted('a="x,y",b', ",")
    7
    """
    quoted = escaped = False
    for position in range(start, len(text)):
        character = text[position]
        if character == '"' and not escaped:
            quoted = not quoted
        elif character in wanted and not quoted:
            return position
        escaped = character == "\\" and not escaped
    return -1


def unquote(text: str) -> str:
    """Read a name that may be quoted.

    Args:
        text: such as `up` or `"a name"`.

    Returns:
        The name without quotes and escapes.

    Raises:
        ValueError: it is neither quoted nor a plain name.
    """
    text = text.strip()
    if text.startswith('"'):
        if len(text) == 1 or not text.endswith('"'):
            msg = f"missing closing quote in {text!r}"
            raise ValueError(msg)
        return unescape(text[1:-1])
    name = unescape(text)
    if not METRIC_NAME.match(name):
        msg = f"{name!r} is not a name"
        raise ValueError(msg)
    return name


def number(text: str) -> float:
    """Read a number as Python does, whole ones exactly; digits are not grouped.

    >>> number("7"), number("+Inf")
    (7, inf)
    """
    if "_" in text:
        msg = f"{text!r} is not a number"
        raise ValueError(msg)
    if "." in text:  # nearly all values of a Python server: spare them the failing int()
        return float(text)
    try:
        return int(text)
    except ValueError:
        return float(text)


def value(text: str) -> float:
    """Read the value behind a name; a timestamp after it is checked and dropped, we go by our own clock.

    Args:
        text: what follows the name and its labels.

    Returns:
        The value.

    Raises:
        ValueError: value or timestamp is not a number.
        OverflowError: the timestamp is beyond any float.
    """
    text = text.lstrip()
    words = [word.strip() for word in text.split(" " if " " in text else "\t") if word.strip()]
    if not words:
        msg = "there is no value"
        raise ValueError(msg)
    result = number(words[0])
    if len(words) > 1:
        number(words[-1]) / _MILLISECONDS
    return result


def sample(text: str) -> tuple[Series, float]:
    """Read a sample in any form that prometheus_client accepts.

    Args:
        text: a line without surrounding whitespace.

    Returns:
        The series and its value.

    Raises:
        ValueError: it is not a sample.
        OverflowError: its timestamp is beyond any float.
    """
    brace = find_unquoted(text, "{")
    if brace == -1 or " # " in text[:brace]:  # the brace may be an exemplar's
        return _unlabelled(text)
    end = find_unquoted(text, "}", brace)
    if end == -1:
        msg = "missing closing brace"
        raise ValueError(msg)
    labels = _labels(text[brace + 1 : end])
    name = text[:brace].strip()
    if name and "__name__" in labels:
        msg = "the metric has two names"
        raise ValueError(msg)
    if not name and "__name__" not in labels:
        msg = "the metric has no name"
        raise ValueError(msg)
    name = name or labels.pop("__name__")
    return Series(name, tuple(labels.items())), value(text[end + 1 :])


def _unlabelled(text: str) -> tuple[Series, float]:
    """Read `name value`; with no blank at all, -1 cuts as prometheus_client does, which takes `nan` for `na` = NaN."""
    end = find_unquoted(text, " \t")
    name = text[:end].strip()
    if not METRIC_NAME.match(name):
        msg = f"{name!r} is not a metric name"
        raise ValueError(msg)
    return Series(name), value(text[end + 1 :])


def _labels(text: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for term in _terms(text.strip()):
        equals = find_unquoted(term, "=")
        written = term[equals + 1 :].strip()
        if not written:
            continue
        name = unquote(term[:equals]) if equals != -1 else "__name__"  # {"name"} is the quoted metric name
        if not _QUOTED.fullmatch(written):
            msg = f"the value of label {name!r} is not quoted: {written!r}"
            raise ValueError(msg)
        if name in labels or (name != "__name__" and _RESERVED_LABEL.match(name)):
            msg = f"label {name!r} is reserved or given twice"
            raise ValueError(msg)
        labels[name] = unescape(written[1:-1])
    return labels


def _terms(text: str) -> Iterator[str]:
    """Split at commas; one more at either end is tolerated, two in a row are not."""
    while text:
        text = text.removeprefix(",")
        if text.startswith(","):
            msg = "two commas in a row"
            raise ValueError(msg)
        comma = find_unquoted(text, ",")
        end = len(text) if comma == -1 else comma
        yield text[:end]
        text = text[end:].strip()
