"""Carry a loop over calls that never return."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from vmon_core.host.dispatch import DEADLINE, PIPELINE_THREAD, Abandoned
from vmon_core.host.failures import describe
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.host.dispatch import Dispatcher
    from vmon_core.host.say import Say

WATCH_SECONDS = 0.5
"""How often the watchdog looks, in seconds; a deadline is overrun by at most this much."""


class Carrier:
    """Runs a turn over and over on a thread, and on another one when a plugin keeps the first.

    Args:
        turn: one round of the loop; it must leave everything in order whenever it calls a plugin.
        dispatcher: makes the calls.
        say: is told of turns that fail.
        deadline: seconds that one call may take.
    """

    def __init__(
        self, turn: Callable[[], None], dispatcher: Dispatcher, *, say: Say, deadline: float = DEADLINE
    ) -> None:
        self._turn = turn
        self._dispatcher = dispatcher
        self._say = say
        self._deadline = deadline
        self._stopping = threading.Event()
        self._thread = self._new_thread()
        self._watchdog = threading.Thread(target=self._watch, name="vmon-watchdog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._watchdog.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End after the turn that is going on.

        A plugin that still holds the thread after that counts as stuck: whoever takes in what is left does not call it.

        Args:
            timeout: seconds to wait for it.

        Returns:
            Whether it ended in time.
        """
        self._stopping.set()
        self._watchdog.join(timeout)
        self._thread.join(timeout)
        self._dispatcher.abandon(0.0)
        return not self._thread.is_alive()

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name=PIPELINE_THREAD, daemon=True)

    def _run(self) -> None:
        try:
            self._dispatcher.watch()
            while not self._stopping.is_set():
                self._one_turn()
        except Abandoned:
            return

    def _one_turn(self) -> None:
        try:
            self._turn()
        except Exception as error:  # noqa: BLE001 (a defect of ours must not end the monitor either)
            self._say(Severity.CRITICAL, "pipeline", f"a turn failed: {describe(error)}")
            self._stopping.wait(WATCH_SECONDS)

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            if self._dispatcher.abandon(self._deadline) is not None:
                self._thread = self._new_thread()
                self._thread.start()
