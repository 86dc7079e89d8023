"""The command's end: find the monitors that run, and call one."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from vmon_core.control.wire import ANSWER_LIMIT, REQUEST_LIMIT, ControlError, connect, control_folder, receive, send

TIMEOUT = 60.0
"""Seconds to wait for an answer: a reload asks plugins to stop and to start, and each may take ten."""

HELLO_SECONDS = 20.0
"""Seconds that a monitor may take to say who it is: a server that takes all processors has held one up for five."""


@attrs.frozen
class ControlClient:
    """Calls one running monitor.

    Attributes:
        path: its socket.
        timeout: seconds to wait for an answer.
    """

    path: Path
    timeout: float = TIMEOUT

    def call(self, method: str, **params: Any) -> Any:  # noqa: ANN401 (any plain data)
        """Call a method and return its result.

        Args:
            method: its name, such as `plugins.reload`.
            params: its parameters, as plain data.

        Raises:
            ControlError: the monitor refuses, or could not be reached.
        """
        try:
            with connect(self.path, self.timeout) as connection:
                send(connection, {"method": method, "params": params}, REQUEST_LIMIT, self.timeout)
                answer = receive(connection, ANSWER_LIMIT, self.timeout)
        except TimeoutError as error:
            msg = f"the monitor behind {self.path} did not answer within {self.timeout:g} s"
            raise ControlError(msg) from error
        except OSError as error:
            msg = f"no monitor can be reached by {self.path}: {error}"
            raise ControlError(msg) from error
        return _result(answer)


@attrs.frozen
class Running:
    """A monitor that runs.

    Attributes:
        pid: its process.
        name: what it watches.
        client: calls it.
    """

    pid: int
    name: str
    client: ControlClient


def running_monitors(data_dir: Path) -> list[Running]:
    """Find the monitors that run with this data folder and answer, by pid."""
    found = []
    for path in control_folder(data_dir).glob("*.sock"):
        with suppress(ControlError, KeyError, TypeError):
            hello = ControlClient(path, HELLO_SECONDS).call("hello")
            found.append(Running(hello["pid"], hello["name"], ControlClient(path)))
    return sorted(found, key=lambda monitor: monitor.pid)


def running_monitor(data_dir: Path, name: str = "") -> Running:
    """Find the one monitor that is meant.

    Args:
        data_dir: where vmon keeps its files.
        name: what it watches, or its pid; "" when there is only one.

    Raises:
        ControlError: there is none, or several could be meant.
    """
    found = running_monitors(data_dir)
    meant = [monitor for monitor in found if name in {"", monitor.name, str(monitor.pid)}]
    if len(meant) == 1:
        return meant[0]
    if not found:
        msg = f"no monitor runs with the data folder {data_dir}: start one with `vmon run` or `vmon watch`"
    elif not meant:
        msg = f"no running monitor watches {name!r}; those that run watch: {_names(found)}"
    else:
        msg = f"several monitors run: {_names(meant)}; say which one with --target NAME, or --target PID"
    raise ControlError(msg)


def _names(monitors: list[Running]) -> str:
    named = itertools.groupby(sorted(monitors, key=lambda m: m.name), key=lambda m: m.name)
    return ", ".join(f"{name} (pid {', '.join(str(m.pid) for m in each)})" for name, each in named)


def _result(answer: object) -> Any:  # noqa: ANN401 (any plain data)
    match answer:
        case {"result": result}:
            return result
        case {"error": {"message": str(message), **rest}}:
            raise ControlError(message, rest.get("data"))
    msg = "the monitor ended the conversation without an answer: it takes requests of its own user and of root only"
    raise ControlError(msg)
