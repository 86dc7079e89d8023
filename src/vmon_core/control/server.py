"""The monitor's end: one request is worked on at a time, and meanwhile others learn who this is, and wait."""

from __future__ import annotations

import inspect
import os
import socket
import struct
import threading
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from vmon_core.control.wire import (
    ANSWER_LIMIT,
    REQUEST_LIMIT,
    ControlError,
    connect,
    control_folder,
    make_folder,
    reachable,
    receive,
    send,
)
from vmon_core.errors import VmonError
from vmon_core.records import Severity
from vmon_core.redaction import redact_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from vmon_core.host.say import Say

    Method = Callable[..., Any]

PATIENCE = 2.0
"""Seconds for a request to come in, and for its answer to be read: the next client waits that long for a lazy one."""

_WAITING = 16
_HELLO = {"method": "hello", "params": {}}
_CREDENTIALS = struct.Struct("3i")


class ControlServer:
    """Listens for `vmon` commands of the same user, or of root.

    Each connection carries one request, `{"method": NAME, "params": {…}}` in a line, and its answer, `{"result": …}` or
    `{"error": {"message": TEXT, "data": …}}`. Secrets are taken out of each answer.
    As a context manager it listens.

    Args:
        data_dir: where vmon keeps its files.
        name: what is watched; it tells the monitors of one machine apart.
        methods: what can be called, by name: each takes its parameters by name and returns plain data.
        say: is told when nobody can reach this monitor, and of methods that fail.
        patience: seconds that a client may take to send its request, and to read the answer.
    """

    def __init__(
        self, data_dir: Path, name: str, methods: Mapping[str, Method], say: Say, *, patience: float = PATIENCE
    ) -> None:
        self.path = control_folder(data_dir) / f"{os.getpid()}.sock"
        self._methods: dict[str, Method] = {"hello": self._hello, **methods}
        self._name = name
        self._say = say
        self._patience = patience
        self._socket: socket.socket | None = None
        self._one_at_a_time = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="vmon-control", daemon=True)

    def start(self) -> None:
        """Begin to listen; when that is not possible, the monitor works all the same."""
        try:
            make_folder(self.path.parent)
            remove_stale(self.path.parent)
            self._socket = _listening(self.path)
        except OSError as error:
            self._say(Severity.WARNING, "control", f"no vmon command can reach this monitor: {error}")
            return
        self._thread.start()

    def stop(self, timeout: float = PATIENCE) -> None:
        """Stop listening; a request that is being answered has `timeout` seconds to end."""
        if self._socket is None:
            return
        with suppress(OSError):
            self.path.unlink()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join(timeout)
        if self._one_at_a_time.acquire(timeout=timeout):
            self._one_at_a_time.release()
        self._socket.close()
        self._socket = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _hello(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "name": self._name, "methods": sorted(self._methods)}

    # --- in threads: one that listens, and one for each client, so that a long reload does not make us look dead ---

    def _serve(self) -> None:
        listening = self._socket
        while listening is not None:
            try:
                connection, _ = listening.accept()
            except OSError:  # it was shut down
                return
            threading.Thread(target=self._converse, args=(connection,), name="vmon-control-client", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # a client that left, or that takes too long, gets no answer
            if not _may_call(connection):
                return
            try:
                request = receive(connection, REQUEST_LIMIT, self._patience)
            except ControlError as error:
                send(connection, _refusal(error), ANSWER_LIMIT, self._patience)
                return
            if request is not None:
                with nullcontext() if request == _HELLO else self._one_at_a_time:
                    self._answer(connection, request)

    def _answer(self, connection: socket.socket, request: object) -> None:
        try:
            answer = redact_mapping({"result": self._call(request)})
        except VmonError as error:
            answer = _refusal(error)
        try:
            send(connection, answer, ANSWER_LIMIT, self._patience)
        except ControlError as error:
            send(connection, _refusal(error), ANSWER_LIMIT, self._patience)

    def _call(self, request: object) -> Any:  # noqa: ANN401 (any plain data)
        name, params = _read(request)
        method = self._method(name)
        try:
            inspect.signature(method).bind(**params)
        except TypeError as error:
            msg = f"{name}: {error}"
            raise ControlError(msg) from None
        try:
            return method(**params)
        except VmonError:
            raise
        except Exception as error:
            msg = f"{name} failed: {type(error).__name__}: {error}"
            self._say(Severity.ERROR, "control", msg)
            raise ControlError(msg) from error

    def _method(self, name: str) -> Method:
        if name not in self._methods:
            msg = f"this monitor knows no method {name!r}; it knows: {', '.join(sorted(self._methods))}"
            raise ControlError(msg)
        return self._methods[name]


def _read(request: object) -> tuple[str, dict[str, Any]]:
    """The method's name and its parameters."""
    if isinstance(request, dict):
        name, params = request.get("method"), request.get("params", {})
        if isinstance(name, str) and isinstance(params, dict):
            return name, params
    msg = 'a request looks like {"method": "status", "params": {}}'
    raise ControlError(msg)


def _refusal(error: VmonError) -> dict[str, Any]:
    return redact_mapping({"error": {"message": str(error), "data": getattr(error, "data", None)}})


def _may_call(connection: socket.socket) -> bool:
    """Whether the other end is a process of the same user, or of root; the kernel says so."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(credentials)
    return uid in {0, os.geteuid()}


def _listening(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)  # of an earlier process with our pid
        with reachable(path) as name:
            listening.bind(name)
        path.chmod(0o600)
        listening.listen(_WAITING)
    except BaseException:
        listening.close()
        raise
    return listening


def remove_stale(folder: Path) -> None:
    """Remove sockets that nobody listens on, of processes that are no more."""
    for path in folder.glob("*.sock"):
        if not (path.stem.isdigit() and _alive(int(path.stem))) and not _answers(path):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _answers(path: Path) -> bool:
    """Whether somebody listens; it may be a process of another container, whose pids are not ours."""
    try:
        connect(path, PATIENCE).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:
        return True
    return True
