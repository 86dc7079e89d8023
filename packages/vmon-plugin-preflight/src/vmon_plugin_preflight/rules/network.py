"""Rules about where the server listens: the port, the address, the Unix socket."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from typing import TYPE_CHECKING

from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

PORT, HOST, SOCKET = "network.port", "network.host", "network.socket"

_PORTS = 1 << 16
_UNIX_PATH = 107
"""The most bytes of a Unix socket's path on Linux."""


@rule(PORT, HOST)
def port(launch: Launch) -> Iterator[CompatibilityCheck]:
    """VLLM binds its port before it loads anything; whether it can is tried, without listening."""
    number = launch.arguments.get("port", int)
    if launch.arguments.get("uds", str) or launch.arguments.get("headless", bool) or number is None:
        return
    if not 0 <= number < _PORTS:
        yield failure(PORT, f"--port {number} is no port", fix=f"--port takes 0 to {_PORTS - 1}")
        return
    host = launch.arguments.get("host", str) or ""
    family = _family(launch, host)
    if family is None:
        yield not_evaluated(HOST, f"whether {host} is an address of this machine needs a look-up; see --network")
        return
    yield _bound(family, host, number)


def _family(launch: Launch, host: str) -> socket.AddressFamily | None:
    """The family that vLLM takes, None for a name that would have to be looked up."""
    try:
        return socket.AF_INET6 if host and ipaddress.ip_address(host).version == 6 else socket.AF_INET  # noqa: PLR2004 (the protocol)
    except ValueError:
        return socket.AF_INET if launch.network or host in {"localhost", socket.gethostname()} else None


def _bound(family: socket.AddressFamily, host: str, number: int) -> CompatibilityCheck:
    where = f"{host or '0.0.0.0'}:{number}"  # noqa: S104 (said, never bound to serve)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, number))
    except OSError as error:
        return _refused(error, host, number)
    return ok(PORT, f"{where} is free")


def _refused(error: OSError, host: str, number: int) -> CompatibilityCheck:
    if error.errno == errno.EADDRINUSE:
        return failure(PORT, f"port {number} is in use by {_holder(number)}", fix="end that process, or another --port")
    if error.errno == errno.EACCES:
        return failure(PORT, f"port {number} needs more rights than this user has", fix="--port 8000, behind a proxy")
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        fix = "--host with an address of this machine, or leave it out to listen everywhere"
        return failure(HOST, f"--host {host} is no address of this machine", fix=fix)
    return not_evaluated(PORT, f"binding port {number} failed: {error}")


def _holder(number: int) -> str:
    """Who listens at a port."""
    import psutil  # noqa: PLC0415 (only a port that is held needs it)

    try:
        held = [c for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == number and c.pid]
        owner = psutil.Process(held[0].pid) if held else None
        return f"{owner.name()} (pid {owner.pid})" if owner else "a process that this user cannot see"
    except (psutil.Error, OSError):
        return "a process that this user cannot see"


@rule(SOCKET)
def unix_socket(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A Unix socket's folder must be there, and the path short and free."""
    name = launch.arguments.get("uds", str)
    if not name:
        return
    path = launch.path(name)
    if len(os.fsencode(name)) > _UNIX_PATH:
        yield failure(SOCKET, f"--uds {name} is longer than {_UNIX_PATH} bytes", fix="--uds /tmp/vllm.sock")
    elif not path.parent.is_dir():
        yield failure(SOCKET, f"the folder of --uds {name} is not there", fix=f"mkdir -p {os.path.dirname(name)}")  # noqa: PTH120 (as it was written)
    elif path.exists():
        kind = "an earlier server's socket" if stat.S_ISSOCK(path.stat().st_mode) else "a file"
        yield failure(SOCKET, f"--uds {name}: {kind} is in the way", fix=f"rm {name}, when nobody serves there")
    elif not os.access(path.parent, os.W_OK):
        yield failure(SOCKET, f"the folder of --uds {name} cannot be written to", fix="another folder")
    else:
        yield ok(SOCKET, f"{name} is free")


RULES = (port, unix_socket)
