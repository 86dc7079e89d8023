"""Serve over HTTP on this machine only, to those who have the token."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from typing import TYPE_CHECKING, Any

import attrs
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from vmon_core.errors import VmonError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from mcp.server import MCPServer

    Scope = MutableMapping[str, Any]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Any, Send], Awaitable[None]]

PATH = "/mcp"
"""Where the server is, below its address; the specification's examples and most clients have it there."""

LARGEST_REQUEST = 1 << 20
"""Bytes of one request: code of 100,000 characters fits ten times."""

_REFUSAL = b'{"error": "the header `Authorization: Bearer TOKEN` is missing or wrong; see `vmon mcp --help`"}'


@attrs.frozen
class TokenGuard:
    """Lets only requests with the token through to `app`; all others get 401, and what is no request nothing."""

    app: App
    token: str = attrs.field(repr=False)

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "lifespan"}:
            return
        if scope["type"] == "http" and not self._may(scope):
            headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL})
            return
        await self.app(scope, receive, send)

    def _may(self, scope: Scope) -> bool:
        shown = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        expected = b"Bearer " + self.token.encode("ascii")
        return len(shown) == 1 and hmac.compare_digest(shown[0], expected)


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address of this machine that others cannot reach.

    Args:
        host: an address such as 127.0.0.1 or ::1.
        port: the port, 0 for any free one.

    Raises:
        VmonError: others could reach the address, or it cannot be had.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        msg = f"{host} can be reached from other machines, or is no address: use 127.0.0.1 or ::1, and an SSH tunnel"
        raise VmonError(msg)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 (IPv6)
    try:
        return socket.create_server((str(address), port), family=family)
    except OSError as error:
        msg = f"cannot listen on {host} port {port}: {error.strerror or error}; choose another one with --port"
        raise VmonError(msg) from error


def url_of(listener: socket.socket) -> str:
    """The address that a client is given."""
    return f"http://{_hosts(listener)[0]}{PATH}"


def _hosts(listener: socket.socket) -> list[str]:
    """What the header Host may say; a page of the web that has its name resolve to this machine says something else."""
    host, port, *_ = listener.getsockname()
    shown = f"[{host}]" if ":" in host else host
    return [f"{shown}:{port}", f"localhost:{port}"]


def make_app(server: MCPServer[object], listener: socket.socket, token: str) -> TokenGuard:
    """The application: token first, then the checks of Host and Origin, then the tools."""
    hosts = _hosts(listener)
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"http://{host}" for host in hosts],
    )
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,  # a tool needs nothing from the call before, so there are no sessions to guard or to limit
        max_request_body_size=LARGEST_REQUEST,
        transport_security=security,
    )
    return TokenGuard(app, token)


def serve(server: MCPServer[object], listener: socket.socket, token: str) -> None:
    """Serve until a signal ends it."""
    config = uvicorn.Config(
        make_app(server, listener, token),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listener])
