"""The child's side: load the plugin, serve calls, each hook on a thread of its own as in vmon's process."""

from __future__ import annotations

import inspect
import os
import resource
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.errors import PluginError
from vmon_core.host.checks import check, implementations
from vmon_core.host.child import values
from vmon_core.host.child.contract import EXIT_MEMORY, HELLO, WHERE, Greeting, HostFacts, Order
from vmon_core.host.child.greeting import greet
from vmon_core.host.child.messages import Inbox, pack
from vmon_core.host.failures import describe
from vmon_core.host.fresh import fresh_package, package_of
from vmon_core.host.importing import import_here
from vmon_core.host.scheduler import DEFAULT
from vmon_core.host.settings import configured
from vmon_core.records import Frame

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Iterable, Mapping

    from vmon_core.evidence import Evidence
    from vmon_core.host.child.windows import News
    from vmon_core.pipeline.window import Window
    from vmon_core.records import Sample, Severity, Target

CHUNK = 1 << 16
"""Bytes that are read at once."""

ASYNC_SHARE = 0.9
"""The share of its timeout after which an `async def` collector is cancelled, just before the process is killed."""


class Server:
    """Answers vmon's requests until it hangs up.

    Args:
        requests: where they come from.
        answers: where answers, and what the plugin pushes, go.
    """

    def __init__(self, requests: socket.socket, answers: socket.socket) -> None:
        self._requests = requests
        self._answers = answers
        self._sending = threading.Lock()
        self._plugin = LoadedHere()
        self._lanes: dict[str, ThreadPoolExecutor] = {}

    def run(self) -> None:
        """Serve; the plugin is imported on this thread, the main one."""
        inbox = Inbox()
        while data := self._requests.recv(CHUNK):
            for request in inbox.feed(data):
                self._take(request)

    def _take(self, request: Mapping[str, Any]) -> None:
        hook = request["hook"]
        if hook == HELLO:
            self._answer(request)
            return
        if hook == WHERE:
            self.send({"id": request["id"], "value": _where(request["arguments"]["hook"])})
            return
        if hook not in self._lanes:
            self._lanes[hook] = ThreadPoolExecutor(1, thread_name_prefix=hook)
        self._lanes[hook].submit(self._answer, request)

    def _answer(self, request: Mapping[str, Any]) -> None:
        try:
            value = self._plugin.call(request["hook"], request["arguments"], self.send)
            self.send({"id": request["id"], "value": value})
        except MemoryError:
            os._exit(EXIT_MEMORY)
        except BaseException as error:  # noqa: BLE001 (vmon tells of it)
            self.send({"id": request["id"], "error": describe(error)})

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; from any thread."""
        data = pack(message)
        with self._sending:
            self._answers.sendall(data)


def _where(hook: str) -> str:
    """The function that the call of a hook is in, "" when it is in none."""
    frames = sys._current_frames()  # noqa: SLF001 (its documented name)
    for thread in threading.enumerate():
        if thread.name.startswith(f"{hook}_") and thread.ident in frames:
            return frames[thread.ident].f_code.co_name
    return ""


class LoadedHere:
    """The plugin of this process: how its hooks are called."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}
        self._config: Any = None
        self._name = ""
        self._window: Window | None = None
        self._runner: asyncio.Runner | None = None
        self._timeout = DEFAULT.timeout

    def call(self, hook: str, data: Mapping[str, Any], send: Callable[[dict[str, Any]], None]) -> Any:  # noqa: ANN401 (plain data)
        """Call a hook; one that the plugin lacks does nothing."""
        given = {name: values.argument(name, value) for name, value in data.items()}
        if hook == HELLO:
            return values.plain_result(HELLO, self._load(given["order"]))
        function = self._functions.get(hook)
        if function is None:
            return None
        if "host" in given:
            given["host"] = HostProxy(given["host"], self._name, self._config, send)
        if "window" in given:
            given["window"] = self._bring(given["window"])
        wanted = [given[name] for name in inspect.signature(function).parameters]
        return values.plain_result(hook, self._awaited(function(*wanted)))

    def _load(self, order: Order) -> Greeting:
        _limit(order.memory_limit)
        with fresh_package(package_of(order.candidate)):  # it may take the place of one that was saved a moment ago
            plugin = import_here(order.candidate)
        info = check(plugin)
        self._name = order.name
        self._config = configured(attrs.evolve(info, name=order.name), order.table)
        self._functions = dict(implementations(plugin))
        greeting = greet(plugin, info)
        _limit(info.memory_limit)
        self._timeout = next((h.schedule.timeout for h in greeting.hooks if h.schedule), DEFAULT.timeout)
        return greeting

    def _bring(self, news: News) -> Window:
        self._window = news.bring(self._window)
        return self._window

    def _awaited(self, value: Any) -> Any:  # noqa: ANN401 (whatever the plugin returns)
        if not inspect.iscoroutine(value):
            return value
        import asyncio  # noqa: PLC0415 (few collectors are async)

        self._runner = self._runner or asyncio.Runner()
        return self._runner.run(asyncio.wait_for(value, self._timeout * ASYNC_SHARE))


class HostProxy:
    """What `vmon_start` gets here; see `vmon_core.plugin.Host`."""

    def __init__(self, facts: HostFacts, name: str, config: object, send: Callable[[dict[str, Any]], None]) -> None:
        self._facts = facts
        self._name = name
        self._config = config
        self._send = send

    @property
    def data_dir(self) -> Path:
        """The plugin's folder."""
        return Path(self._facts.data_dir)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets as they were when the process was started."""
        return self._facts.targets

    def config(self, name: str) -> Any:  # noqa: ANN401 (each plugin has its own class)
        """The plugin's own configuration; that of others is not here."""
        if name != self._name:
            msg = f"the configuration of plugin {name!r} is in another process; only that of {self._name!r} is here"
            raise PluginError(msg)
        return self._config

    def emit(self, evidence: Iterable[Evidence] = (), samples: Iterable[Sample] = ()) -> None:
        """Push what was observed."""
        self._send({"emit": values.plain(Frame(0.0, tuple(evidence), tuple(samples)))})

    def say(self, level: Severity, text: str, **context: Any) -> None:  # noqa: ANN401 (plain values)
        """Send a feedback message."""
        plain = {key: value if isinstance(value, int | float | None) else str(value) for key, value in context.items()}
        self._send({"say": text, "level": int(level), "context": plain})


def _limit(size: int) -> None:
    """Bound the address space; what was taken already stays."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))
