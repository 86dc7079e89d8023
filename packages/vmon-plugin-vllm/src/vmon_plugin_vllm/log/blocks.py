"""Lines that belong together: a heading with its traceback, and the lines of pydantic's errors.

The last line of a traceback says what went wrong, its heading whether the process lives on. Lines of several processes
may be mixed, so each process has a block of its own.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from vmon_plugin_vllm.log.lines import LogRecord


class Fate(Enum):
    """What a heading says about the process that wrote it."""

    UNKNOWN = "unknown"
    ENDS = "ends"
    LIVES_ON = "lives on"
    REQUEST = "only a request failed"


_HEADINGS = {
    Fate.ENDS: re.compile(
        r"(?:WorkerProc|EngineCore) failed to start|WorkerProc failed\.|EngineCore encountered a fatal error"
    ),
    Fate.LIVES_ON: re.compile(
        r"WorkerProc hit an exception|Invocation of \w+ method failed|Error getting async model runner output"
    ),
    Fate.REQUEST: re.compile(r"Exception in ASGI application"),
}
_BEGIN = "Traceback (most recent call last):"
_CHAIN = re.compile(r"During handling of the above exception|The above exception was the direct cause")
_UNCAUGHT = re.compile(r'  File "[^<"]+", line \d+, in (?:<module>|_run_module_as_main)$')
"""The outermost frame of a main process; helpers run code of file `<string>`, and threads begin elsewhere."""

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?::\s.*)?$")
_INVALID = re.compile(r"validation errors? for (?P<model>\w*(?:Config|Args))$")
_DETAIL = re.compile(r" {2}(?P<what>\S.*?)(?: \[type=\w+, .*)?$")
"""The complaint; what it goes on with in further lines is left out."""

KEPT_BLOCKS = 256
"""The most writers that are followed at a time: more than any deployment has, and less than a forged log could name."""


@attrs.frozen(kw_only=True)
class Context:
    """What the lines before it say about a line.

    Attributes:
        fate: what becomes of the process.
        exception: it is the last line of a traceback.
        uncaught: of one that nothing in the main process caught.
        text: the line; with the source line where an exception says nothing itself.
        setting: pydantic's complaint with the name of the setting, "" for other lines.
        raised: the last line of a traceback together with the source line that raised it, "" for other lines.
    """

    text: str
    fate: Fate = Fate.UNKNOWN
    exception: bool = False
    uncaught: bool = False
    setting: str = ""
    raised: str = ""


@attrs.define
class _Block:
    """A record with its continuation lines, or a traceback that was printed without one."""

    place: str
    fate: Fate
    inside: bool = False
    over: bool = False
    outermost: str = ""
    source: str = ""
    model: str = ""
    field: str = ""

    def take(self, message: str) -> Context:
        if self.over and message.strip():
            self._go_on(message)
        if message.startswith(_BEGIN):
            self.inside, self.outermost, self.source = True, "", ""
        elif self.inside and message.startswith((" ", "\t")):
            self._frame(message)
            return Context(text="", fate=self.fate)  # source code says what may go wrong, not what did
        elif self.inside and _EXCEPTION.match(message):
            return self._ended(message)
        elif self.model:
            return self._setting(message)
        return Context(text=message, fate=self.fate)

    def _go_on(self, message: str) -> None:
        """What follows a traceback has another fate, unless it is of the same record or the next link of the chain."""
        self.over = False
        if not self.place and not _CHAIN.match(message):
            self.fate = Fate.UNKNOWN

    def _frame(self, message: str) -> None:
        if message.startswith('  File "'):
            self.outermost = self.outermost or message
        elif message.strip(" \t^~"):
            self.source = message.strip()

    def _ended(self, message: str) -> Context:
        self.inside, self.over = False, True
        invalid = _INVALID.search(message)
        self.model, self.field = (invalid["model"], "") if invalid else ("", "")
        return Context(
            text=f"{message}: {self.source}" if self.source and ":" not in message else message,
            fate=self.fate,
            exception=True,
            uncaught=_UNCAUGHT.match(self.outermost) is not None,
            raised=f"{message} (at {self.source})" if self.source else "",
        )

    def _setting(self, message: str) -> Context:
        detail = _DETAIL.match(message)
        if detail is None:
            self.field = message.strip()
            return Context(text=message, fate=self.fate)
        name = f"{self.model}.{self.field}" if self.field else self.model
        self.model = ""
        return Context(text=detail["what"], fate=self.fate, setting=f"{name}: {detail['what']}")


class Blocks:
    """Follows the block of each process."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int | None], _Block] = {}

    def place(self, record: LogRecord) -> Context:
        """Say what the earlier lines mean for this one.

        Args:
            record: a raw line or an error; quieter lines belong to no block.
        """
        writer = (record.process, record.pid)
        fate = next((fate for fate, heading in _HEADINGS.items() if heading.search(record.message)), None)
        block = self._open.get(writer)
        if block is None or fate is not None or block.place != record.place:
            if len(self._open) >= KEPT_BLOCKS:
                self._open.clear()
            block = self._open[writer] = _Block(record.place, fate or Fate.UNKNOWN)
        return block.take(record.message)
