"""Write log lines in the two formats of a vLLM server, one `write` call a record."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from vmon_testkit.standin.messages import Line

STDOUT = 1
STDERR = 2


def emit(text: str, *, stream: int = STDERR) -> None:
    """Write raw text; a stream that nobody reads any more is not an error of the server."""
    with contextlib.suppress(OSError):
        os.write(stream, text.encode())


@attrs.frozen
class Log:
    """The logger of one process.

    Attributes:
        process: the name in the prefix, such as `EngineCore_DP0`.
        pid: the number in the prefix.
        as_json: `--logging-config.formatter json`.
    """

    process: str
    pid: int
    as_json: bool = False

    def write(self, line: Line, **values: object) -> None:
        """Log one record of the catalogue on stdout, with its placeholders filled in."""
        message = line.text.format(**values) if values else line.text
        if self.as_json:
            emit(self._json(line.level, line.logger, message), stream=STDOUT)
            return
        stamp = time.strftime("%m-%d %H:%M:%S")
        prefix = f"({self.process} pid={self.pid}) {line.level} {stamp} [{line.where}] "
        emit("\r\n".join(prefix + part for part in message.split("\n")) + "\n", stream=STDOUT)

    def uvicorn(self, message: str) -> None:
        """Log a line of uvicorn's life cycle on stderr."""
        text = self._json("INFO", "uvicorn.error", message) if self.as_json else f"INFO:     {message}\n"
        emit(text)

    def access(self, client: str, request: str, status: str) -> None:
        """Log an answered request on stdout."""
        if self.as_json:
            emit(
                self._json("INFO", "uvicorn.access", f'{client} - "{request}" {status.split(maxsplit=1)[0]}'),
                stream=STDOUT,
            )
        else:
            emit(f'INFO:     {client} - "{request}" {status}\n', stream=STDOUT)

    def progress(self, text: str) -> None:
        """Update a progress bar on stderr, which rewrites its line."""
        emit(f"\r{text}")

    def _json(self, level: str, logger: str, message: str) -> str:
        now = time.time()
        record = {
            "asctime": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now)) + f",{int(now % 1 * 1000):03d}",
            "levelname": level,
            "name": logger,
            "processName": "MainProcess" if self.process == "APIServer" else self.process,
            "process": self.pid,
            "message": message,
            "vllm_process_name": self.process,
        }
        return json.dumps(record) + "\n"
