"""Messages between two of the stand-in's processes: one JSON object a line over a socket pair."""

from __future__ import annotations

import json
import select
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Message = dict[str, Any]


class LinkClosedError(Exception):
    """The process at the other end is gone."""


class Link:
    """One end of a socket pair that carries messages both ways.

    >>> near, far = Link.pair()
    >>> near.send({"op": "ready"})
    >>> list(far.receive(timeout=1.0))
    [{'op': 'ready'}]
    >>> near.close()
    >>> far.close()
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = b""
        self._sending = threading.Lock()

    @classmethod
    def pair(cls) -> tuple[Link, Link]:
        """Two connected ends."""
        near, far = socket.socketpair()
        return cls(near), cls(far)

    def fileno(self) -> int:
        """The descriptor, for `select.poll`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def send(self, message: Message) -> None:
        """Send one message; waits while the other end does not read.

        Raises:
            LinkClosedError: nobody is at the other end.
        """
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError as error:
                raise LinkClosedError from error

    def receive(self, timeout: float | None = None) -> Iterator[Message]:
        """The messages that are there, waiting for the first.

        Args:
            timeout: seconds to wait, or None for ever.

        Raises:
            LinkClosedError: the other end was closed and all of its messages were read.
        """
        if not self._readable(timeout):
            return
        try:
            data = self._socket.recv(1 << 16)
        except OSError as error:
            raise LinkClosedError from error
        if not data:
            raise LinkClosedError
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        yield from map(json.loads, lines)

    def _readable(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))
