"""Keep a child process alive: when it ends, start it again after a growing pause and bring it to where it was."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from vmon_core.host.aside import DEADLINE as START_DEADLINE
from vmon_core.host.child import values
from vmon_core.host.child.contract import HELLO, Greeting, HostFacts
from vmon_core.host.child.process import Process
from vmon_core.host.failures import RemoteError
from vmon_core.host.health import Health
from vmon_core.records import Frame, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmon_core.host.child.contract import Order
    from vmon_core.host.say import Say
    from vmon_core.plugin import Host

START_SECONDS = 0.8 * START_DEADLINE
"""Seconds for the import, for `vmon_start` and for `vmon_stop`: over before the host goes on without them."""

STEADY_SECONDS = 60.0
"""A process that lived for so long was sound, and the pauses begin anew: the slowest collectors run twice in it."""

POLITE_SECONDS = 2.0
"""Seconds that a process gets to end by itself."""


class Keeper:
    """Owns the process of one plugin.

    Args:
        order: which plugin.
        say: is told when the process ends and when it runs again.
        patience: seconds that the import may take.

    Attributes:
        restarts: how often it was started again.
        last_exit: how it ended last, in words.
        last_output: what it printed just before, such as where it crashed.
        on_down: called when the process has ended, with the reason.
        on_up: called when it works again.
    """

    def __init__(self, order: Order, say: Say, *, patience: float = START_SECONDS) -> None:
        self.restarts = 0
        self.last_exit = ""
        self.last_output = ""
        self.on_down: Callable[[str], None] = lambda _: None
        self.on_up: Callable[[], None] = lambda: None
        self._order = order
        self._say = say
        self._patience = patience
        self._process: Process | None = None
        self._greeting: Greeting | None = None
        self._host: Host | None = None
        self._fortune = Health()
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread()

    # --- from any thread ---

    def open(self) -> Greeting:
        """Start the process and load the plugin in it.

        Raises:
            RemoteError: that failed; the text says how.
        """
        self._closing.clear()
        self._ready.clear()
        self._thread = threading.Thread(target=self._keep, name=f"vmon-{self._order.name}-keeper", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._greeting is None:
            raise RemoteError(self.last_exit)
        return self._greeting

    @property
    def is_open(self) -> bool:
        """Whether the process runs, or will run again."""
        return self._thread.is_alive() and not self._closing.is_set()

    @property
    def pid(self) -> int | None:
        """The process id, None while there is none."""
        process = self._process
        return None if process is None or process.ended else process.pid

    @property
    def output(self) -> str:
        """The last that the process printed."""
        return "" if self._process is None else self._process.output

    def ask(self, hook: str, arguments: Mapping[str, Any], seconds: float) -> Any:  # noqa: ANN401 (plain data)
        """Call a hook in the process.

        Raises:
            RemoteError: it failed, or the process is down.
        """
        if self._process is None:
            msg = f"its process does not run: {self.last_exit or 'it was not started'}"
            raise RemoteError(msg)
        return self._process.ask(hook, arguments, seconds)

    def start(self, host: Host) -> None:
        """Call `vmon_start`, now and after each new start of the process."""
        self._host = host
        self.ask("vmon_start", {"host": self._host_facts(host)}, START_SECONDS)

    def close(self) -> None:
        """End the process for good."""
        self._closing.set()
        process = self._process
        if process is not None:
            process.hang_up()
            self._thread.join(POLITE_SECONDS)
            process.kill("it was stopped")
        self._thread.join(POLITE_SECONDS)
        self._host = None

    # --- the keeper's thread ---

    def _keep(self) -> None:
        """Start the process over and over; it must be this thread, see `Process`."""
        while not self._closing.is_set():
            began = time.monotonic()
            self._live()
            if self._closing.is_set() or self._greeting is None:
                break
            self._down(time.monotonic() - began)
            self._closing.wait(max(0.0, self._fortune.paused_until - time.monotonic()))
        self._ready.set()

    def _live(self) -> None:
        """One life of the process."""
        try:
            process = self._process = Process(self._order.name, self._pushed)
        except OSError as error:
            self.last_exit = f"no process could be started: {error}"
            return
        try:
            self._begin(process)
        except RemoteError as error:
            process.kill(str(error))
        process.pump()
        self.last_exit, self.last_output = process.ended, process.output

    def _begin(self, process: Process) -> None:
        """Bring a new process to where the one before it was."""
        answer = process.ask_pumping(HELLO, {"order": values.plain(self._order)}, self._patience)
        greeting: Greeting = values.result(HELLO, answer)
        if self._greeting is not None and greeting.hooks != self._greeting.hooks:
            msg = "its code has changed; reload the plugin"
            raise RemoteError(msg)
        self._greeting = greeting
        if self._host is not None:
            process.ask_pumping("vmon_start", {"host": self._host_facts(self._host)}, START_SECONDS)
        if self._ready.is_set():
            self.restarts += 1
            self.on_up()
            text = f"its process runs again, as pid {process.pid}"
            self._say(Severity.INFO, self._order.name, text)
        self._ready.set()

    def _down(self, lived: float) -> None:
        if lived >= STEADY_SECONDS:
            self._fortune.succeeded(lived)
        now = time.monotonic()
        self._fortune.failed(self.last_exit, lived, now)
        pause = max(0.0, self._fortune.paused_until - now)
        self.on_down(self.last_exit)
        when = f"in {pause:.0f} s" if pause else "now"
        self._say(Severity.ERROR, self._order.name, f"{self.last_exit}; it is started again {when}")

    def _host_facts(self, host: Host) -> Any:  # noqa: ANN401 (plain data)
        return values.plain(HostFacts(data_dir=str(host.data_dir), targets=host.targets))

    def _pushed(self, message: Mapping[str, Any]) -> None:
        """Pass on what the plugin pushed; rubbish raises a `RemoteError`, which ends the process."""
        host = self._host
        if host is None:
            return
        if "emit" in message:
            frame: Frame = values.record(message["emit"], Frame)
            host.emit(frame.evidence, frame.samples)
        else:
            level: Severity = values.record(message.get("level"), Severity)
            context: dict[str, Any] = values.record(message.get("context"), dict[str, Any])
            host.say(level, str(message.get("say")), **context)
