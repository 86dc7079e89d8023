"""Keep a child process alive: when it ends, start it again after a growing pause and bring it to where it was."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from vmon_core.host.aside import DEADLINE as START_DEADLINE
from vmon_core.host.child import values
from vmon_core.host.child.contract import HELLO, Greeting, HostFacts
from vmon_core.host.child.libraries import first_absent
from vmon_core.host.child.process import GRACE, Process
from vmon_core.host.failures import EndedError, RemoteError
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

LOOK_SECONDS = 300.0
"""Seconds between two looks for a library that is absent: a driver may be installed later."""

POLITE_SECONDS = 2.0
"""Seconds that a process gets to end by itself."""


class Keeper:
    """Owns the process of one plugin.

    Args:
        order: which plugin.
        say: is told when the process ends and when it runs again.
        patience: seconds that the import may take.
        known: who the plugin is, where that is known without its process; then there is none before it is needed, nor
            while a library is absent that the plugin is useless without.

    Attributes:
        restarts: how often it was started again.
        last_exit: how it ended last, in words.
        last_output: what it printed just before, such as where it crashed.
        on_down: called when the process has ended, with the reason.
        on_up: called when it works again.
    """

    def __init__(
        self, order: Order, say: Say, *, patience: float = START_SECONDS, known: Greeting | None = None
    ) -> None:
        self.restarts = 0
        self.last_exit = ""
        self.last_output = ""
        self.on_down: Callable[[str], None] = lambda _: None
        self.on_up: Callable[[], None] = lambda: None
        self._order = order
        self._say = say
        self._patience = patience
        self._process: Process | None = None
        self._greeting = known
        self._libraries = known.info.libraries if known is not None else ()
        self._absent = ""
        self._look_at = 0.0
        self._host: Host | None = None
        self._fortune = Health()
        self._told: set[str] = set()
        self._suspects: set[str] = set()
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._ran = False
        self._thread = threading.Thread()

    # --- from any thread ---

    @property
    def absent(self) -> str:
        """The library that the plugin is useless without and this machine has not; "" when it can work."""
        if self.pid is not None:
            return ""
        if time.monotonic() >= self._look_at:  # not at each call: folders of libraries may be far away
            self._absent, self._look_at = first_absent(self._libraries), time.monotonic() + LOOK_SECONDS
        return self._absent

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
        if not self.is_open and not self._closing.is_set():
            self.open()
        if self._process is None:
            msg = f"its process does not run: {self.last_exit or 'it was not started'}"
            raise RemoteError(msg)
        try:
            value = self._process.ask(hook, arguments, seconds)
        except EndedError:
            self._suspects.add(hook)
            raise
        self._suspects.discard(hook)
        self._recovered()
        return value

    def start(self, host: Host) -> None:
        """Call `vmon_start`, now and after each new start of the process."""
        self._host = host
        if self.absent:
            self._say(
                Severity.INFO, self._order.name, f"{self.absent} is not on this machine: nothing is watched with it"
            )
            return
        self.ask("vmon_start", {"host": self._host_facts(host)}, START_SECONDS)

    def stop(self) -> None:
        """Call `vmon_stop`, and end the process for good.

        Raises:
            RemoteError: it failed, or hangs; nobody else tells of it, since the process is not started again.
        """
        self._closing.set()
        try:
            if self.pid is not None:
                self.ask("vmon_stop", {}, START_SECONDS)
        except EndedError as error:
            raise RemoteError(str(error)) from error
        finally:
            self.close()

    def close(self) -> None:
        """End the process for good."""
        self._closing.set()  # before the process is looked at: one that begins just now looks for this in turn
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
            if self.absent:
                self._ready.set()
                self._closing.wait(LOOK_SECONDS)
                continue
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
        if self._closing.is_set():
            process.kill("it was stopped")
        try:
            self._begin(process)
        except RemoteError as error:
            process.kill(str(error))
        process.pump(process.condemned)
        if not process.ended and not process.pump(seconds=GRACE):
            self.last_exit = f"{process.why}; the kernel cannot end its process {process.pid}"
            self._tell_down("when it has ended")
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
            self.restarts += self._ran
            self.on_up()
            self._recovered()
        self._ran = True
        self._ready.set()

    def _down(self, lived: float) -> None:
        if lived >= STEADY_SECONDS:
            self._fortune.succeeded(lived)
        now = time.monotonic()
        self._fortune.failed(self.last_exit, lived, now)
        pause = max(0.0, self._fortune.paused_until - now)
        self._tell_down(f"in {pause:.0f} s" if pause else "now")

    def _tell_down(self, when: str) -> None:
        """Tell each reason once, until all is well again: a driver that hangs does so at every attempt."""
        self.on_down(self.last_exit)
        if self.last_exit not in self._told:
            self._told.add(self.last_exit)
            self._say(Severity.ERROR, self._order.name, f"{self.last_exit}; it is started again {when}")

    def _recovered(self) -> None:
        """Tell that all is well, once the calls that it ended in have been answered."""
        if self._told and not self._suspects:
            self._told.clear()
            self._say(Severity.INFO, self._order.name, f"its process runs again, as pid {self.pid}")

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
