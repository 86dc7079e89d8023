"""A small HTTP client for probes: one connection kept alive, every answer bounded in size and time, no exception for trouble.

The standard library's client is used because it costs 4 MB less memory than any other, and a probe needs nothing more.
"""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

BODY_LIMIT = 16 << 20
"""The most bytes of an answer that are read (16 MiB); a scrape of a large deployment has less than one."""

CHUNK = 1 << 16


@attrs.frozen(kw_only=True)
class Answer:
    """What came of a request.

    Attributes:
        code: the HTTP status, None when there was no answer.
        error: why there was none; the words of `vmon_core.evidence.Probed.error`.
        seconds: how long it took.
        body: the answer's body.
        content_type: of the body.
    """

    code: int | None = None
    error: str = ""
    seconds: float = 0.0
    body: bytes = b""
    content_type: str = ""


class _TooLargeError(Exception):
    """The body is larger than `BODY_LIMIT`."""


class _UnixConnection(http.client.HTTPConnection):
    """A connection over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Sends GET requests to one server.

    Args:
        url: its base URL; `http+unix://` with a percent-encoded path is a Unix socket. Credentials in it are sent as
        basic
            authentication.
        api_key: sent as a bearer token.
        ca: a file of certificates to trust instead of the system's.
        insecure: do not verify certificates.
        timeout: seconds that a whole request may take.
        clock: a monotonic clock in seconds.
    """

    def __init__(  # noqa: PLR0913 (all but the URL have defaults and are named)
        self,
        url: str,
        *,
        api_key: str = "",
        ca: str = "",
        insecure: bool = False,
        timeout: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = urlsplit(url)
        self._api_key = api_key
        self._ca = ca
        self._insecure = insecure
        self._timeout = timeout
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, *, timeout: float | None = None) -> Answer:
        """Ask for `path`; trouble of any kind is an answer too.

        Args:
            path: such as `/health`.
            timeout: seconds for this request, None for the client's.
        """
        started = self._clock()
        limit = timeout if timeout is not None else self._timeout
        try:
            answer = self._ask(path, started + limit)
        except (OSError, http.client.HTTPException, _TooLargeError, ValueError) as error:
            self.close()
            return Answer(error=classify(error), seconds=self._clock() - started)
        return attrs.evolve(answer, seconds=self._clock() - started)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, path: str, deadline: float) -> Answer:
        """Send on the kept connection; one that the server has closed in the meantime is opened anew, once."""
        reused = self._connection is not None
        try:
            return self._send(path, deadline)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            if not reused:
                raise
            return self._send(path, deadline)

    def _send(self, path: str, deadline: float) -> Answer:
        connection = self._connection or self._connect(deadline)
        self._connection = connection
        self._limit(connection, deadline)
        connection.request("GET", self._url.path.rstrip("/") + path if self._is_tcp else path, headers=self._headers())
        response = connection.getresponse()
        body = self._read(connection, response, deadline)
        if response.will_close:
            self.close()
        return Answer(code=response.status, body=body, content_type=response.headers.get("Content-Type", ""))

    def _read(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, deadline: float
    ) -> bytes:
        """Read the body piece by piece, so that one that trickles or never ends is left in time."""
        pieces, size = [], 0
        while piece := response.read1(CHUNK):
            pieces.append(piece)
            size += len(piece)
            if size > BODY_LIMIT:
                raise _TooLargeError
            self._limit(connection, deadline)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(pieces)

    def _limit(self, connection: http.client.HTTPConnection, deadline: float) -> None:
        left = deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left)

    @property
    def _is_tcp(self) -> bool:
        return not self._url.scheme.endswith("unix")

    def _connect(self, deadline: float) -> http.client.HTTPConnection:
        left = max(0.001, deadline - self._clock())
        if not self._is_tcp:
            connection: http.client.HTTPConnection = _UnixConnection(unquote(self._url.netloc) or self._url.path, left)
        elif self._url.scheme == "https":
            connection = http.client.HTTPSConnection(
                self._url.hostname or "", self._url.port, timeout=left, context=self._context()
            )
        else:
            connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=left)
        connection.connect()
        return connection

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._ca if self._ca and Path(self._ca).exists() else None)
        if self._insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _headers(self) -> dict[str, str]:
        if self._api_key:
            return {"Authorization": f"Bearer {self._api_key}"}
        if self._url.username:
            pair = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return {}


def classify(error: BaseException) -> str:
    """Name the trouble in the words of `Probed.error`.

    >>> classify(ConnectionRefusedError()), classify(TimeoutError())
    ('refused', 'timeout')
    """
    kinds = (
        (_TooLargeError, "too_large"),
        (TimeoutError, "timeout"),
        (ConnectionRefusedError, "refused"),
        (FileNotFoundError, "refused"),
        (http.client.RemoteDisconnected, "reset"),
        ((ConnectionResetError, BrokenPipeError, ConnectionAbortedError), "reset"),
        (http.client.IncompleteRead, "reset"),
        (socket.gaierror, "unresolved"),
        (ssl.SSLError, "tls"),
        (http.client.HTTPException, "not_http"),
    )
    return next((name for kind, name in kinds if isinstance(error, kind)), "other")
