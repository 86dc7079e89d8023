"""Where a server listens and how to prove to it who we are, taken from a URL that may hold credentials."""

from __future__ import annotations

import base64
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from vmon_core.errors import ConfigError

_PORTS = {"http": 80, "https": 443}


@attrs.frozen(kw_only=True)
class Endpoint:
    """An address to speak HTTP to.

    Attributes:
        scheme: http, https or unix.
        host: the host name or address, "localhost" behind a socket file.
        port: the TCP port, 0 behind a socket file.
        path: what comes before each path asked for, or the socket file.
        authorization: the value of the Authorization header, "" for none; never shown.
    """

    scheme: str
    host: str
    port: int
    path: str
    authorization: str = attrs.field(default="", repr=False)

    @property
    def url(self) -> str:
        """The address without credentials, to be shown."""
        if self.scheme == "unix":
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    def target(self, path: str) -> str:
        """The path to request for `path`."""
        return path if self.scheme == "unix" else self.path + path


def parse_endpoint(url: str, api_key: str | None = None) -> Endpoint:
    """Read a base URL.

    Args:
        url: such as `https://user:secret@host:8000/prefix` or `unix:///run/vllm.sock`.
        api_key: sent as a bearer token; it goes before credentials in the URL.

    Returns:
        The address.

    Raises:
        ConfigError: the URL cannot be used; the message does not repeat it, for it may hold credentials.

    >>> parse_endpoint("http://user:secret@example.org:8000/").url
    'http://example.org:8000'
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        msg = f"the server's URL cannot be read: {error}"
        raise ConfigError(msg) from None
    socket_file = _socket_file(parts)
    if socket_file:
        return Endpoint(scheme="unix", host="localhost", port=0, path=socket_file, authorization=_bearer(api_key))
    if parts.scheme not in _PORTS or not parts.hostname:
        msg = "the server's URL must look like http://host:port, https://host:port or unix:///path/to/socket"
        raise ConfigError(msg)
    return Endpoint(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
        authorization=_bearer(api_key) or _basic(parts),
    )


def _socket_file(parts: SplitResult) -> str:
    """The socket that `unix:///run/x.sock` or `http+unix://%2Frun%2Fx.sock` names, "" for other URLs."""
    if parts.scheme == "unix" and not parts.netloc:
        return parts.path
    return unquote(parts.netloc) if parts.scheme == "http+unix" else ""


def _bearer(api_key: str | None) -> str:
    return f"Bearer {api_key}" if api_key else ""


def _basic(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
