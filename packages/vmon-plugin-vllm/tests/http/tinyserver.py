"""A tiny server that answers as badly as a test wants."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    Behaviour = Callable[[socket.socket, str], None]

LONGEST_LIFE = 30.0
"""Seconds after which any wait of a server ends, so that no test leaves a thread behind."""


def reply(body: bytes = b"", *, code: int = 200, headers: str = "", length: int | None = None) -> bytes:
    """Write a response; `length` lies about the body's."""
    size = len(body) if length is None else length
    return f"HTTP/1.1 {code} X\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body


@attrs.define
class TinyServer:
    """Accepts connections and leaves each request to a behaviour.

    Attributes:
        url: where it listens.
        requests: the head of each request that came.
        connections: how many were opened.
        closing: set when the test is over.
    """

    listener: socket.socket
    url: str
    behave: Behaviour
    tls: ssl.SSLContext | None = None
    requests: list[str] = attrs.field(factory=list)
    connections: int = 0
    closing: threading.Event = attrs.field(factory=threading.Event)
    threads: list[threading.Thread] = attrs.field(factory=list)

    def start(self) -> None:
        """Begin to accept."""
        self._run(self._accept)

    def _run(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self._run(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(LONGEST_LIFE)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(sock)
            if self.tls is not None:
                sock = stack.enter_context(self.tls.wrap_socket(sock, server_side=True))
            while head := self._head(sock):
                self.requests.append(head)
                self.behave(sock, head.split()[1])

    def _head(self, sock: socket.socket) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = sock.recv(1)
            if not byte:
                return ""
            head += byte
        return head.decode()

    def close(self) -> None:
        """Stop, and wait for every thread."""
        self.closing.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in list(self.threads):
            thread.join(LONGEST_LIFE)


def pages(answers: dict[str, bytes | dict[str, object]]) -> Behaviour:
    """Answer each path with a ready response, or with an object as JSON; 404 for the others."""

    def behave(sock: socket.socket, path: str) -> None:
        answer = answers.get(path, reply(code=404))
        sock.sendall(answer if isinstance(answer, bytes) else reply(json.dumps(answer).encode()))

    return behave
