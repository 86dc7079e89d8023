"""A bounded load generator for servers on this machine."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import threading
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from types import TracebackType

MAX_CONCURRENCY = 256
"""More clients than this in one process measure the generator, not the server."""

_GOOD_ENDS = frozenset({"length", "stop"})


@attrs.frozen
class Counts:
    """What the clients saw so far.

    Attributes:
        ok: requests that ended well.
        failed: requests that ended with an error, an abort or a broken connection.
        tokens: tokens that were delivered.
        in_flight: requests that are under way.
    """

    ok: int = 0
    failed: int = 0
    tokens: int = 0
    in_flight: int = 0


class Traffic:
    """Clients that send completions one after another, until stopped.

    Args:
        url: of the server, on a loopback address.
        concurrency: clients, 1 to 256; each is a thread.
        max_tokens: tokens to ask for.
        prompt: the text to send.
        model: the name to ask for; the server's only model without it.
        requests: stop by itself after so many requests of each client.
        timeout: seconds without a byte after which a request has failed.
        api_key: bearer token.
        stream: take each token as it comes. Many such clients are slower than a server on the same machine; to overload
            one, let them wait for whole answers.

    Raises:
        ValueError: the host is not this machine, or the concurrency is out of bounds.

    >>> Traffic("http://example.com")
    Traceback (most recent call last):
    ValueError: traffic goes to loopback addresses only, not to 'example.com'
    """

    def __init__(  # noqa: PLR0913 (settings of a tool; all but the first are keywords with defaults)
        self,
        url: str,
        *,
        concurrency: int = 2,
        max_tokens: int = 32,
        prompt: str = "tell me a story",
        model: str | None = None,
        requests: int | None = None,
        timeout: float = 60.0,
        api_key: str | None = None,
        stream: bool = True,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        if not _is_loopback(self._host):
            message = f"traffic goes to loopback addresses only, not to {self._host!r}"
            raise ValueError(message)
        if not 1 <= concurrency <= MAX_CONCURRENCY:
            message = f"concurrency must be 1 to {MAX_CONCURRENCY}, not {concurrency}"
            raise ValueError(message)
        body = {"prompt": prompt, "max_tokens": max_tokens, "stream": stream, **({"model": model} if model else {})}
        self._body = json.dumps(body)
        self._headers = {"Content-Type": "application/json", **_authorization(api_key)}
        self._read = self._read_stream if stream else self._read_whole
        self._requests = requests
        self._timeout = timeout
        self._counts = Counts()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._clients = [
            threading.Thread(target=self._client, name=f"traffic-{number}", daemon=True)
            for number in range(concurrency)
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def counts(self) -> Counts:
        """What the clients saw so far."""
        return self._counts

    def start(self) -> None:
        """Let the clients begin."""
        for client in self._clients:
            client.start()

    def stop(self) -> Counts:
        """Hang up and wait for the clients; requests that this cuts off count as neither ok nor failed."""
        self._stopping.set()
        with self._lock:
            for connection in self._sockets:
                _hang_up(connection)
        return self.join()

    def join(self, timeout: float | None = None) -> Counts:
        """Wait until the clients are done, which needs `requests`; returns what they saw.

        Args:
            timeout: seconds for each client.
        """
        for client in self._clients:
            client.join(timeout)
        return self._counts

    def _client(self) -> None:
        done = 0
        while not self._stopping.is_set() and done != self._requests:
            self._count(in_flight=1)
            try:
                ok = self._request()
            except (OSError, http.client.HTTPException, ValueError, LookupError):
                ok = False
            cut_off = self._stopping.is_set() and not ok
            self._count(in_flight=-1, ok=ok, failed=not ok and not cut_off)
            done += 1
            if not ok:
                self._stopping.wait(0.05)  # a server that refuses connections is not to be hammered

    def _request(self) -> bool:
        """Send one completion and read it to the end; returns whether that end was a good one."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        connection.connect()
        wire = connection.sock
        try:
            with self._lock:
                self._sockets.add(wire)
            connection.request("POST", "/v1/completions", self._body, self._headers)
            answer = connection.getresponse()
            return answer.status == http.HTTPStatus.OK and self._read(answer)
        finally:
            with self._lock:
                self._sockets.discard(wire)
            connection.close()

    def _read_whole(self, answer: http.client.HTTPResponse) -> bool:
        data = json.loads(answer.read())
        self._count(tokens=data["usage"]["completion_tokens"])
        return data["choices"][0]["finish_reason"] in _GOOD_ENDS

    def _read_stream(self, answer: http.client.HTTPResponse) -> bool:
        reason = None
        for line in answer:
            data = line.removeprefix(b"data: ").strip()
            if data == b"[DONE]":
                return reason in _GOOD_ENDS
            if data:
                reason = self._take(json.loads(data)) or reason
        return False

    def _take(self, event: dict[str, object]) -> str | None:
        """Count the token of one event; returns why the request ended, if it did."""
        choices = event.get("choices")
        if not isinstance(choices, list):
            return "error"
        for choice in choices:
            self._count(tokens=bool(choice["text"]))
            if choice["finish_reason"]:
                return str(choice["finish_reason"])
        return None

    def _count(self, *, ok: int = 0, failed: int = 0, tokens: int = 0, in_flight: int = 0) -> None:
        with self._lock:
            now = self._counts
            self._counts = Counts(now.ok + ok, now.failed + failed, now.tokens + tokens, now.in_flight + in_flight)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _authorization(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def _hang_up(wire: socket.socket) -> None:
    try:
        wire.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
