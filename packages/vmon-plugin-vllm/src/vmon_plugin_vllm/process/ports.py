"""Who listens where on this machine."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 (recognised here, never bound on our own account)


@attrs.frozen
class PortOwner:
    """The process that listens on a port.

    Attributes:
        port: the TCP port.
        pid: the process, None when it is somebody else's and may not be seen.
        name: its program's name, "" when unknown.
    """

    port: int
    pid: int | None = None
    name: str = ""

    def __str__(self) -> str:
        if self.pid is None:
            return f"port {self.port} is in use by a process of another user or container"
        return f"port {self.port} is in use by {self.name or 'a process'} (pid {self.pid})"


def port_owner(host: str, port: int) -> PortOwner | None:
    """Find out who already listens on an address.

    Args:
        host: the address that a server would bind; "" and the wildcard addresses stand for all.
        port: the TCP port.

    Returns:
        The owner, None when nobody listens there.
    """
    addresses = _addresses(host)
    for address, listening, pid in _listeners():
        if listening == port and (address in _WILDCARDS or addresses is None or address in addresses):
            return PortOwner(port, pid, _program(pid))
    return None


def port_free(host: str, port: int) -> bool | None:
    """Whether a server could bind an address, tried the way vLLM does (with SO_REUSEADDR).

    Args:
        host: the address; "" and the wildcard addresses stand for all.
        port: the TCP port.

    Returns:
        The answer; None when it cannot be known: no permission, no such address here, or port 0.
    """
    if not port:
        return None
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return False if error.errno == errno.EADDRINUSE else None
    return True


def local_port(url: str) -> tuple[str, int] | None:
    """Split the URL of a server on this machine into host and port.

    Args:
        url: an HTTP URL.

    Returns:
        Both, None when the URL names another machine, a Unix socket, or is none.

    >>> local_port("http://localhost:8000/v1"), local_port("http://example.org")
    (('localhost', 8000), None)
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not _is_local(host):
        return None
    return host, port or (443 if parts.scheme == "https" else 80)


def _is_local(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.") or host in _WILDCARDS - {""}


def _addresses(host: str) -> frozenset[str] | None:
    """The addresses that `host` means, None for all of them."""
    if host in _WILDCARDS:
        return None
    try:
        return frozenset(str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except OSError:
        return frozenset({host})


def _listeners() -> Iterator[tuple[str, int, int | None]]:
    import psutil  # noqa: PLC0415 (costs 15 ms, needed rarely)

    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            yield connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port, connection.pid


def _program(pid: int | None) -> str:
    import psutil  # noqa: PLC0415 (as above)

    try:
        return psutil.Process(pid).name() if pid is not None else ""
    except psutil.Error:
        return ""
