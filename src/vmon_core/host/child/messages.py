"""Messages between vmon and a child process: JSON objects, each behind its length.

JSON and not pickle, although pickle is faster: a child whose memory is corrupt may send anything. Reading JSON makes
plain data or fails. Unpickling runs a small program of the sender: even with an allow-list of classes it can set
attributes on those classes, and claim memory without bound.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

from vmon_core.host.failures import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 16 << 20
"""Bytes of the longest message: a collector's 100,000 samples fit; anything longer is a mistake."""

_HEAD = struct.Struct("!I")


def pack(message: dict[str, Any], default: Callable[[Any], Any] | None = None) -> bytes:
    """Write a message.

    Args:
        message: plain data.
        default: makes plain data of what is none; None refuses it.

    Returns:
        Its bytes.

    Raises:
        RemoteError: it is too long, or no plain data.
    """
    try:
        body = json.dumps(message, separators=(",", ":"), default=default).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"only plain data can cross to another process: {error}"
        raise RemoteError(msg) from None
    if len(body) > LIMIT:
        msg = f"a message of {len(body)} bytes is too long; at most {LIMIT} cross to another process"
        raise RemoteError(msg)
    return _HEAD.pack(len(body)) + body


class Inbox:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Take in what arrived, and give the messages that are complete.

        Raises:
            RemoteError: it is no message, or one that is too long.
        """
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if length > LIMIT:
                msg = f"it announced a message of {length} bytes; at most {LIMIT} are taken"
                raise RemoteError(msg)
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield _object(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        msg = f"it sent what is no message: {body[:40]!r}"
        raise RemoteError(msg)
    return message
