"""An HTTP connection that keeps to a deadline.

A socket's timeout bounds one wait. A server that sends a byte now and then passes every one of them for ever. Here each
wait gets only what is left until the deadline of the whole request.

This module is imported when the first request is made: `http.client` is slow to import.
"""

from __future__ import annotations

import http.client
import io
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    from vmon_plugin_vllm.http.deadline import Deadline
    from vmon_plugin_vllm.http.endpoint import Endpoint


class _TimedReader(io.RawIOBase):
    """The receiving side of a socket."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 (any writable buffer)
        self._sock.settimeout(self._deadline.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """The part of a socket that `http.client` uses."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))

    def close(self) -> None:
        self._sock.close()


class Connection(http.client.HTTPConnection):
    """A connection to an endpoint.

    Args:
        endpoint: where to.
        tls: how to speak TLS, None for plain HTTP.
        deadline: what bounds everything that is done on it.
    """

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None, deadline: Deadline) -> None:
        super().__init__(endpoint.host, endpoint.port or None)
        self._endpoint = endpoint
        self._tls = tls
        self._deadline = deadline

    def connect(self) -> None:
        """Connect, within the deadline."""
        self.sock: Any = _TimedSocket(self._secured(self._opened()), self._deadline)

    def _opened(self) -> socket.socket:
        if self._endpoint.scheme == "unix":
            return _connected(socket.AF_UNIX, self._endpoint.path, self._deadline)
        failure: OSError = ConnectionRefusedError("no address")
        for family, _, _, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            try:
                return _connected(family, address, self._deadline)
            except OSError as error:  # the next address may do
                failure = error
        raise failure

    def _secured(self, sock: socket.socket) -> socket.socket:
        if self._tls is None:
            return sock
        sock.settimeout(self._deadline.remaining())
        try:
            return self._tls.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise


def _connected(family: int, address: Any, deadline: Deadline) -> socket.socket:  # noqa: ANN401 (each family has its own)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline.remaining())
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock
