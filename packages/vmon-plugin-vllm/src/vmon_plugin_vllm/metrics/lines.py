"""One line of an exposition: a sample, a HELP or TYPE comment, or nothing that matters."""

from __future__ import annotations

import re
from enum import StrEnum

import attrs

from vmon_core.errors import VmonError
from vmon_plugin_vllm.metrics import grammar
from vmon_plugin_vllm.metrics.grammar import Series

_LABEL = r'(?!__)[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"'
_PLAIN_HEAD = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(" + _LABEL + "(?:," + _LABEL + r")*,?)?\})? ")
_PAIR = re.compile(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"')
_BLANKS = " \t\n\r\x0b\x0c"
_BLANK_RUN = re.compile(f"[{_BLANKS}]+")
_HELP_ESCAPE = re.compile(r"\\[\\n]")
_COMMENT_WORDS = 4  # the hash sign, the keyword, the name, and the rest


class ExpositionError(VmonError):
    """A body that is no exposition.

    Attributes:
        line: the line that was refused, counted from 1.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


class Keyword(StrEnum):
    """The comments that mean something."""

    HELP = "HELP"
    TYPE = "TYPE"


_KEYWORDS = frozenset(Keyword)


@attrs.frozen
class Comment:
    """What a HELP or TYPE comment says of the family `name`."""

    keyword: Keyword
    name: str
    text: str


@attrs.frozen
class Reading:
    """A sample.

    Attributes:
        series: what was measured.
        value: the number.
        head: the text before the number, blank included, when the line is in the plain form `name{labels} number`;
            another line with the same head differs in its number only. "" in any other form.
    """

    series: Series
    value: float
    head: str = ""


def read_line(line: str, known: dict[str, Series]) -> Comment | Reading | None:
    """Read a line.

    Args:
        line: the line without its newline.
        known: series by the head of their line, from an earlier reading; they need not be read again.

    Returns:
        What it says; None for an empty line and for a comment without meaning.

    Raises:
        ValueError: prometheus_client would refuse it.
        OverflowError: likewise.
    """
    plain = _plain(line, known)
    if plain:
        return plain
    line = line.strip()
    if line.startswith("#"):
        return _comment(line)
    return Reading(*grammar.sample(line)) if line else None


def _plain(line: str, known: dict[str, Series]) -> Reading | None:
    """Read `name{labels} number` quickly; None leaves any other form to the full grammar."""
    head = line[: line.rfind(" ") + 1]
    series = known.get(head) or _plain_series(head)
    if series is None:
        return None
    try:
        return Reading(series, grammar.number(line[len(head) :]), head)
    except ValueError:
        return None


def _plain_series(head: str) -> Series | None:
    match = _PLAIN_HEAD.fullmatch(head)
    if match is None:
        return None
    pairs = tuple((name, grammar.unescape(text)) for name, text in _PAIR.findall(match[2] or ""))
    return Series(match[1], pairs) if len(dict(pairs)) == len(pairs) else None


def _comment(line: str) -> Comment | None:
    words = _words(line)
    if len(words) == 1 or words[1] not in _KEYWORDS:
        return None
    keyword = Keyword(words[1])
    name = grammar.unquote(words[2]) if len(words) > 2 else ""  # noqa: PLR2004 (the third word)
    text = words[3] if len(words) == _COMMENT_WORDS else ""
    if keyword is Keyword.TYPE and not text:
        msg = "TYPE needs a name and a type"
        raise ValueError(msg)
    return Comment(keyword, name, _HELP_ESCAPE.sub(_unescape_help, text) if keyword is Keyword.HELP else text)


def _unescape_help(match: re.Match[str]) -> str:
    return "\n" if match[0] == r"\n" else "\\"


def _words(line: str) -> list[str]:
    """Split off the first three words, which may be quoted, from the rest."""
    if '"' not in line:
        return _BLANK_RUN.split(line, maxsplit=_COMMENT_WORDS - 1)
    words: list[str] = []
    while line and len(words) < _COMMENT_WORDS - 1:
        blank = grammar.find_unquoted(line, _BLANKS)
        end = len(line) if blank == -1 else blank
        words.append(line[:end])
        line = line[end:].lstrip(_BLANKS)
    return [*words, line] if line else words
