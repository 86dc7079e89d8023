"""Messages for programs: JSON lines, Python's logging, a callback."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmon_core.feedback.message import Message


class JsonLinesHandler:
    """Writes one JSON object a line.

    Args:
        where: a stream, which stays open, or the path of a file to append to. The file is made readable by its owner
            only, and is opened with the first message, so that a path that cannot be written costs this handler alone.
    """

    def __init__(self, where: TextIO | Path) -> None:
        self._where = where
        self._file: TextIO | None = None

    def handle(self, message: Message) -> None:
        """Write it, complete on disk or in the pipe when this returns."""
        stream = self._stream()
        stream.write(json.dumps(message.as_dict(), default=str) + "\n")
        stream.flush()

    def close(self) -> None:
        """Close the file, if it was ours to open."""
        if self._file is not None:
            self._file.close()

    def _stream(self) -> TextIO:
        if not isinstance(self._where, os.PathLike):
            return self._where
        if self._file is None:
            descriptor = os.open(self._where, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "a", encoding="utf-8")
        return self._file


class LoggingHandler:
    """Hands messages to Python's logging, whose level numbers are ours too.

    The log record carries `vmon_source`, `vmon_target` and `vmon_context`.

    Args:
        logger: the logger to use; None takes the one named `vmon`.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("vmon")

    def handle(self, message: Message) -> None:
        """Log it."""
        extra = {
            "vmon_source": message.source,
            "vmon_target": message.target,
            "vmon_context": dict(message.context),
        }
        self._logger.log(message.level, "%s", message.text, extra=extra)

    def close(self) -> None:
        """Nothing to give back."""


class CallbackHandler:
    """Calls a function with each message, from the handler's own thread.

    Args:
        callback: the function.
    """

    def __init__(self, callback: Callable[[Message], object]) -> None:
        self._callback = callback

    def handle(self, message: Message) -> None:
        """Call it."""
        self._callback(message)

    def close(self) -> None:
        """Nothing to give back."""
