"""Messages for a person at a terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING, TextIO

import click

from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.feedback.message import Message

_COLOURS = {
    Severity.DEBUG: "bright_black",
    Severity.INFO: "cyan",
    Severity.WARNING: "yellow",
    Severity.ERROR: "red",
    Severity.CRITICAL: "bright_red",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to write colours to `stream`.

    NO_COLOR (https://no-color.org) wins over FORCE_COLOR (https://force-color.org); without either, colours go to a
    terminal that is not `dumb`.

    >>> import io
    >>> wants_colour(io.StringIO(), {"FORCE_COLOR": "1"})
    True
    >>> wants_colour(io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"})
    False
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    r"""Make control characters visible: text from a watched server must neither move the cursor nor fake a line.

    >>> printable("a\x1b[2Jb\nc")
    'a\\x1b[2Jb\\x0ac'
    """
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class TerminalHandler:
    """Writes one line a message, in colour where that is wanted.

    Args:
        stream: where to; None takes whatever standard error is at the time, which a live view may have replaced.
        environ: read for NO_COLOR, FORCE_COLOR and TERM; None takes the process' own.
    """

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._given = stream
        self._colour = wants_colour(self._stream, os.environ if environ is None else environ)

    @property
    def _stream(self) -> TextIO:
        return self._given if self._given is not None else sys.stderr

    def handle(self, message: Message) -> None:
        """Write it."""
        line = self._line(message)
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to give back: the stream belongs to its owner."""

    def _line(self, message: Message) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(message.time))
        level = self._style(f"{message.level.name.lower():<8}", fg=_COLOURS[message.level])
        about = f" {printable(message.target)}" if message.target else ""
        source = self._style(f"{printable(message.source)}{about}:", bold=True)
        facts = " ".join(f"{name}={printable(str(value))}" for name, value in message.context.items())
        extra = f" {self._style(facts, dim=True)}" if facts else ""
        return f"{self._style(when, dim=True)} {level} {source} {printable(message.text)}{extra}"

    def _style(self, text: str, *, fg: str | None = None, bold: bool = False, dim: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold or None, dim=dim or None) if self._colour else text
