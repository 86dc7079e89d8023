"""The HTTP server: one thread a connection, routes in a table, uvicorn's access log."""

from __future__ import annotations

import contextlib
import http.server
import json
import select
import socket
import socketserver
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_testkit.standin.state import State

    Route = Callable[["Exchange"], None]

MAX_BODY_BYTES = 4 << 20
"""A request body that is larger than this is refused."""

UNCOUNTED = frozenset({"/health", "/metrics", "/load", "/ping", "/version"})
"""Handlers that http_requests_total leaves out."""


class ApiServer(socketserver.ThreadingTCPServer):
    """Binds early and listens late, as vLLM does.

    Args:
        state: shared with all threads.
        routes: by method and path.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, state: State, routes: Mapping[tuple[str, str], Route]) -> None:
        self.state = state
        self.routes = routes
        super().__init__((state.options.host, state.options.port), Exchange, bind_and_activate=False)
        self.server_bind()

    def close(self) -> None:
        """Close the listening socket; for children that inherited it, too."""
        self.server_close()

    def start(self) -> None:
        """Listen, and serve in a thread."""
        self.server_activate()
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def stop(self) -> None:
        """Stop accepting; open connections live on."""
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self.server_close()

    def _accept(self) -> None:
        """Accept until `stop`; unlike `serve_forever` this never wakes up without a reason."""
        with contextlib.suppress(OSError):
            while True:
                self.process_request(*self.socket.accept())

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that hung up."""


class Exchange(http.server.BaseHTTPRequestHandler):
    """One request and its answer, as the routes see it."""

    protocol_version = "HTTP/1.1"
    server_version = "uvicorn"
    sys_version = ""
    disable_nagle_algorithm = True  # as uvicorn does: head and body go out in two writes
    timeout = 5.0  # seconds an idle connection is kept, the default of VLLM_HTTP_TIMEOUT_KEEP_ALIVE
    server: ApiServer

    def do_GET(self) -> None:
        """Answer a GET."""
        self._dispatch()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._dispatch()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._dispatch()

    @property
    def state(self) -> State:
        """What all threads share."""
        return self.server.state

    @property
    def query(self) -> dict[str, str]:
        """The query string, the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}

    def body(self) -> dict[str, Any]:
        """The JSON body; what is no JSON object counts as an empty one."""
        try:
            data = json.loads(self._body or b"{}")
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}

    def reply(self, status: int, payload: object = None) -> None:
        """Send JSON, or nothing at all with None."""
        data = b"" if payload is None else json.dumps(payload).encode()
        self.reply_text(status, data, "application/json")

    def reply_text(self, status: int, data: bytes, content_type: str) -> None:
        """Send a body of any type."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def reply_error(self, status: int, message: str, kind: str = "BadRequestError", param: str | None = None) -> None:
        """Send an error in OpenAI's form."""
        self.reply(status, error_body(status, message, kind, param))

    def begin_stream(self, content_type: str) -> None:
        """Start an answer that ends with the connection."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def client_gone(self) -> bool:
        """Whether the client hung up."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        if not poll.poll(0):
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write the access log line and count the request."""
        del size  # uvicorn does not log it
        status = HTTPStatus(int(code))
        route = urlsplit(self.path).path
        if route not in UNCOUNTED:
            known = (self.command, route) in self.server.routes
            self.state.answered(route if known else "none", self.command, status)
        if self.state.options.access_log:
            client = "{}:{}".format(*self.client_address[:2])
            self.state.log.access(client, self.requestline, f"{status.value} {status.phrase}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Keep the base class from writing to stderr."""

    def _dispatch(self) -> None:
        path = urlsplit(self.path).path
        if not self._read_body():
            return
        route = self.server.routes.get((self.command, path))
        if path.startswith("/v1") and not self._authorized():
            self.reply(HTTPStatus.UNAUTHORIZED, {"error": "Unauthorized"})
        elif route is None:
            self.reply(HTTPStatus.NOT_FOUND, {"detail": "Not Found"})
        else:
            route(self)

    def _read_body(self) -> bool:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return False
        self._body = self.rfile.read(int(length))
        return True

    def _authorized(self) -> bool:
        key = self.state.options.api_key
        return key is None or self.headers.get("Authorization") == f"Bearer {key}"


def error_body(status: int, message: str, kind: str, param: str | None = None) -> dict[str, object]:
    """An error in OpenAI's form."""
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}
