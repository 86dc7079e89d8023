"""A small HTTP client for probes: one answer or one named reason, always in time, never an exception."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import attrs

from vmon_core.errors import ConfigError
from vmon_plugin_vllm.http.deadline import Deadline
from vmon_plugin_vllm.http.endpoint import parse_endpoint

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

    from vmon_plugin_vllm.http.connection import Connection

LARGEST_BODY = 16 * 1024 * 1024
"""The largest body that is read, in bytes: some 300 times what a vLLM server with one engine sends on /metrics."""

_BLOCK = 256 * 1024


@attrs.frozen(kw_only=True)
class Answer:
    """What came of a request.

    Attributes:
        code: the HTTP status; None when there was no complete answer.
        error: why there was none: refused, reset, timeout, tls, not_http, too_large, unresolved, other.
        detail: the same for people.
        seconds: how long it took.
        body: the body; empty when there was none.
        content_type: what the server calls it, such as `text/html; charset=utf-8`.
        content_encoding: how the body is packed although we asked for it plain, such as `gzip`; "" for plain.
    """

    code: int | None = None
    error: str = ""
    detail: str = ""
    seconds: float = 0.0
    body: bytes = attrs.field(default=b"", repr=False)
    content_type: str = ""
    content_encoding: str = ""

    @property
    def ok(self) -> bool:
        """Whether the answer is a 200."""
        return self.code == 200  # noqa: PLR2004 (HTTP's own number)


class _TooLargeError(Exception):
    """The body is larger than allowed."""

    def __str__(self) -> str:
        return f"the answer is larger than {LARGEST_BODY} bytes"


class Client:
    """Asks one server, over one connection that is kept open. It is for one thread at a time.

    Args:
        base_url: such as `http://host:8000` or `unix:///run/vllm.sock`; credentials in it are sent, never shown.
        api_key: sent as a bearer token.
        ca: a file with the certificates to trust for HTTPS, "" for the system's.
        insecure: do not verify certificates.
        timeout: seconds that a request may take from the first to the last byte. (Only the look-up of a host name
            cannot be cut short.)

    Raises:
        ConfigError: the URL or the certificates cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        ca: str = "",
        insecure: bool = False,
        timeout: float = 2.0,
    ) -> None:
        self._endpoint = parse_endpoint(base_url, api_key)
        self._tls = _tls_context(ca, insecure=insecure) if self._endpoint.scheme == "https" else None
        self._timeout = timeout
        self._deadline = Deadline()
        self._connection: Connection | None = None

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    @property
    def url(self) -> str:
        """Whom it asks, without credentials."""
        return self._endpoint.url

    def get(self, path: str, *, timeout: float | None = None) -> Answer:
        """Ask for a path. Redirects are not followed.

        Args:
            path: such as `/health`.
            timeout: seconds for this request, None for the client's own.

        Returns:
            The answer, or why there is none.
        """
        began = time.monotonic()
        self._deadline.start(self._timeout if timeout is None else timeout)
        try:
            answer = self._ask(path)
        except Exception as error:  # noqa: BLE001 (whatever a server does must not stop the monitor)
            self.close()
            answer = Answer(error=classify(error), detail=str(error) or type(error).__name__)
        return attrs.evolve(answer, seconds=time.monotonic() - began)

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, path: str) -> Answer:
        reused = self._connection is not None
        try:
            response = self._send(path)
        except ConnectionError:
            if not reused:
                raise
            self.close()  # the server may have closed the idle connection; only a new one can tell
            response = self._send(path)
        with response:
            return self._receive(response)

    def _send(self, path: str) -> HTTPResponse:
        from vmon_plugin_vllm.http.connection import Connection  # noqa: PLC0415 (http.client is slow to import)

        if self._connection is None:
            self._connection = Connection(self._endpoint, self._tls, self._deadline)
        headers = {"Accept": "*/*", "User-Agent": "vmon"}
        if self._endpoint.authorization:
            headers["Authorization"] = self._endpoint.authorization
        self._connection.request("GET", self._endpoint.target(path), headers=headers)
        return self._connection.getresponse()

    def _receive(self, response: HTTPResponse) -> Answer:
        if response.length is not None and response.length > LARGEST_BODY:
            raise _TooLargeError
        body = _read(response)
        if response.will_close:
            self.close()
        return Answer(
            code=response.status,
            body=body,
            content_type=response.headers.get("Content-Type", ""),
            content_encoding=_encoding(response),
        )


def _read(response: HTTPResponse) -> bytes:
    body = bytearray()
    while block := response.read(_BLOCK):
        body += block
        if len(body) > LARGEST_BODY:
            raise _TooLargeError
    if response.length:  # read(n) does not complain when the server hangs up early
        msg = f"the answer ended {response.length} bytes early"
        raise ConnectionResetError(msg)
    return bytes(body)


def _encoding(response: HTTPResponse) -> str:
    encoding: str = response.headers.get("Content-Encoding", "")
    return "" if encoding.lower() == "identity" else encoding


def classify(error: Exception) -> str:
    """Name why there was no answer.

    Args:
        error: what the attempt raised.

    Returns:
        One of the words of `vmon_core.evidence.Probed.error`.

    >>> classify(ConnectionRefusedError())
    'refused'
    """
    return next((reason for reason, types in _reasons() if isinstance(error, types)), "other")


@cache
def _reasons() -> tuple[tuple[str, tuple[type[Exception], ...]], ...]:
    """The reasons, special ones before general ones (a failed TLS handshake is an OSError as well)."""
    import socket  # noqa: PLC0415 (with http.client, which is slow to import)
    import ssl  # noqa: PLC0415 (likewise)
    from http.client import HTTPException, IncompleteRead  # noqa: PLC0415 (likewise)

    return (
        ("too_large", (_TooLargeError,)),
        ("timeout", (TimeoutError,)),
        ("tls", (ssl.SSLError, ssl.CertificateError)),
        ("unresolved", (socket.gaierror, UnicodeError)),
        ("refused", (ConnectionRefusedError, FileNotFoundError)),
        ("reset", (ConnectionError, IncompleteRead)),
        ("not_http", (HTTPException,)),
    )


def _tls_context(ca: str, *, insecure: bool) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 (most servers speak plain HTTP)

    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        msg = f"the certificates in {ca} cannot be used: {error}"
        raise ConfigError(msg) from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
