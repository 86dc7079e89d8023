"""What both ends of a control socket share: where it lies, and how one message is sent and received."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vmon_core.errors import VmonError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUEST_LIMIT = 1 << 20
"""Bytes of the longest request: room for a code string of any sensible size."""

ANSWER_LIMIT = 16 << 20
"""Bytes of the longest answer: all metrics of a machine with eight GPUs take less than one megabyte."""

_CHUNK = 1 << 16


class ControlError(VmonError):
    """A call to a running monitor failed.

    Args:
        message: what is wrong, for people.
        data: the same for programs, as plain data; None when there is no more to say.
    """

    def __init__(self, message: str, data: Any = None) -> None:  # noqa: ANN401 (any plain data)
        super().__init__(message)
        self.data = data


def control_folder(data_dir: Path) -> Path:
    """The folder of the control sockets, each named by its process, such as `4711.sock`."""
    return data_dir / "control"


def make_folder(folder: Path) -> None:
    """Make the folder, for its owner only.

    Raises:
        PermissionError: it is somebody else's: what lies in it could be anything.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        msg = f"{folder} is not a folder of this user"
        raise PermissionError(msg)
    folder.chmod(0o700)


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for a socket's file that is short enough; the kernel takes no more than 107 bytes of one."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, timeout: float) -> socket.socket:
    """Connect to a control socket.

    Args:
        path: the socket's file.
        timeout: seconds that it may take; connections are taken one after the other.

    Raises:
        OSError: nobody listens, or nobody takes the connection in time.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout)
        with reachable(path) as name:
            connection.connect(name)
    except BaseException:
        connection.close()
        raise
    return connection


def send(connection: socket.socket, message: object, limit: int, seconds: float) -> None:
    """Send one message as a line.

    Args:
        connection: where to.
        message: plain data; what JSON does not know is sent as text.
        limit: the most bytes.
        seconds: how long it may take, for an other end that does not read.

    Raises:
        ControlError: the message is too long; nothing was sent.
        OSError: the other end is gone, or takes too long.
    """
    line = json.dumps(message, default=str).encode() + b"\n"
    if len(line) > limit:
        msg = f"a message of {len(line):,} bytes is too long: {limit:,} are allowed"
        raise ControlError(msg)
    connection.settimeout(seconds)
    connection.sendall(line)


def receive(connection: socket.socket, limit: int, seconds: float) -> Any:  # noqa: ANN401 (any plain data)
    """Receive one message.

    Args:
        connection: where from.
        limit: the most bytes.
        seconds: how long it may take, all in all: one byte now and then does not prolong it.

    Returns:
        The plain data; None when the other end said nothing.

    Raises:
        ControlError: it is too long or no JSON.
        OSError: it did not come in time.
    """
    end = time.monotonic() + seconds
    kept = bytearray()
    while not kept.endswith(b"\n"):
        connection.settimeout(max(0.001, end - time.monotonic()))
        chunk = connection.recv(_CHUNK)
        if not chunk:
            break
        kept += chunk
        if len(kept) > limit:
            msg = f"a message of more than {limit:,} bytes is too long"
            raise ControlError(msg)
        if time.monotonic() > end:
            msg = f"the message took longer than {seconds:g} s"
            raise TimeoutError(msg)
    return _read(bytes(kept)) if kept.strip() else None


def _read(line: bytes) -> Any:  # noqa: ANN401 (any plain data)
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        msg = f"not one line of JSON: {error}"
        raise ControlError(msg) from error
