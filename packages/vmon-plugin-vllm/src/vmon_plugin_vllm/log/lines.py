"""From bytes to records: split lines, bound them, and read the formats in which vLLM logs."""

from __future__ import annotations

import json
import re

import attrs

from vmon_core.redaction import redact_text

LINE_LIMIT = 1 << 16
"""The most bytes kept of one line: a JSON record holds a whole traceback, and a broken one must not fill the memory."""

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_WRITER = r"\((?P<process>[\w:-]+) pid=(?P<pid>\d{1,9})\)\s+"
_HEAD = rf"(?P<level>{'|'.join(_LEVELS)}) \d\d-\d\d \d\d:\d\d:\d\d \[(?P<place>[^\]]*)\] ?"

_PLAIN = re.compile(rf"(?:.{{0,200}}?{_WRITER})?{_HEAD}(?P<message>.*)$")
"""What users set as VLLM_LOGGING_PREFIX stands before it, with or without a space."""

_DECORATED = re.compile(rf"{_WRITER}(?P<message>.*)$")
"""Before 0.32, vLLM put the writer before everything that a child printed, tracebacks included."""

_UVICORN = re.compile(rf"(?P<level>{'|'.join(_LEVELS)}): {{2,5}}(?P<message>.*)$")
"""uvicorn pads the level to nine characters."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BREAKS = re.compile(rb"[\r\n]")


@attrs.frozen
class LogRecord:
    """One line of the log.

    Attributes:
        message: the text without its prefix; the JSON formatter puts all lines of a record into one.
        process: the name of the process that wrote it, "" when the line does not say.
        pid: that process, None when the line does not say.
        level: DEBUG to CRITICAL, "" for a raw line.
        place: what all lines of one record have in common, such as the source file and line; "" for a raw line.
    """

    message: str
    process: str = ""
    pid: int | None = None
    level: str = ""
    place: str = ""

    @property
    def depth(self) -> int:
        """How deep the writer sits: 2 a worker, 1 an engine core, 0 anything else."""
        name = self.process.lower()
        return 2 if "worker" in name else 1 if name.startswith("enginecore") else 0


class LineSplitter:
    r"""Cuts a stream of bytes into lines at `\n` and `\r`; progress bars use the latter.

    >>> splitter = LineSplitter()
    >>> splitter.feed(b"one\r\ntw"), splitter.feed(b"o\n")
    (['one'], ['two'])
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take in bytes and return the lines that they complete; empty lines are left out.

        What is longer than `LINE_LIMIT` is cut, and bytes that are not UTF-8 are replaced.
        """
        parts = _BREAKS.split(data)
        if len(parts) == 1:
            self._rest += data[: max(0, LINE_LIMIT - len(self._rest))]
            return []
        parts[0] = self._rest + parts[0]
        self._rest = parts.pop()[:LINE_LIMIT]
        return [_text(part) for part in parts if part]


def _text(line: bytes) -> str:
    text = line[:LINE_LIMIT].decode("utf-8", "replace")
    return _COLOUR.sub("", text) if "\x1b" in text else text


def shown(message: str, limit: int = 200) -> str:
    r"""Make a message fit to be kept and shown: secrets hidden, control characters gone, cut to `limit` characters.

    >>> shown("loading http://me:secret@host/x \x1b]0;title\x07 now")
    'loading http://***@host/x ]0;title now'
    """
    return "".join(c for c in redact_text(message.strip()[: 4 * limit]) if c.isprintable())[:limit]


def parse_line(line: str) -> LogRecord:
    """Read one line in whichever format it is.

    >>> parse_line("(Worker_TP1 pid=42) INFO 11-24 03:01:34 [base_loader.py:82] Loading weights took 1 s").process
    'Worker_TP1'
    """
    if line.startswith("{"):
        return _parse_json(line)
    if line.startswith(_LEVELS):
        found = _UVICORN.match(line) or _PLAIN.match(line)
    else:
        found = (_PLAIN.match(line) or _DECORATED.match(line)) if " pid=" in line else None
    return _record(found) if found else LogRecord(line)


def _record(found: re.Match[str]) -> LogRecord:
    parts = found.groupdict()
    pid = int(parts["pid"]) if parts.get("pid") else None
    return LogRecord(
        parts["message"].rstrip("\r"),
        parts.get("process") or "",
        pid,
        parts.get("level") or "",
        parts.get("place") or "",
    )


def _parse_json(line: str) -> LogRecord:
    """Read a line of the JSON formatter; anything that is not one is a raw line."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):  # the latter when it is nested without end
        return LogRecord(line)
    if not isinstance(data, dict) or not isinstance(data.get("message"), str):
        return LogRecord(line)
    pid = data.get("process")
    trace = data.get("exc_info")
    return LogRecord(
        f"{data['message']}\n{trace}" if isinstance(trace, str) else data["message"],
        str(data.get("vllm_process_name") or data.get("processName") or ""),
        pid if isinstance(pid, int) else None,
        str(data.get("levelname") or ""),
        f"{data.get('asctime')} {data.get('name')}",
    )
