"""A handler's own queue and thread, so that one that is slow or fails holds up nobody else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from vmon_core.feedback.message import Message
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.feedback.message import Handler

QUEUED_MESSAGES = 1000
"""The most messages that wait for one handler; newer ones are then dropped and counted, since memory must not grow."""


class Lane:
    """Brings messages to one handler, in order.

    Args:
        handler: where they go.
        level: the least severity that it wants.
        failed: called with this lane and the error when the handler fails after it had worked.
    """

    def __init__(self, handler: Handler, level: Severity, failed: Callable[[Lane, Exception], None]) -> None:
        self.handler = handler
        self.level = level
        self._failed = failed
        self._waiting: deque[Message] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._closing = False
        self._failing = False
        self._dropped = 0

    def put(self, message: Message) -> None:
        """Hand in a message; never blocks."""
        with self._changed:
            if self._closing:
                return
            if len(self._waiting) >= QUEUED_MESSAGES:
                self._dropped += 1
                return
            self._waiting.append(message)
            self._changed.notify_all()
            if self._thread is None:
                name = f"vmon-feedback-{type(self.handler).__name__}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Wait until every message was handled, at most `timeout` seconds; False when some were not."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)

    def close(self, timeout: float) -> None:
        """Handle what waits, close the handler, end the thread; a handler that hangs is left behind after `timeout`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is None:
            self._close_handler()
        elif self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while (message := self._next()) is not None:
            self._handle(message)
        self._close_handler()

    def _next(self) -> Message | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._dropped or self._closing)
            if not self._waiting and not self._dropped:
                return None
            self._busy = True
            return self._waiting.popleft() if self._waiting else self._loss()

    def _loss(self) -> Message:
        count, self._dropped = self._dropped, 0
        text = f"{count} messages were dropped here because this handler was too slow"
        return Message(time=time.time(), level=Severity.WARNING, source="feedback", text=text)

    def _handle(self, message: Message) -> None:
        try:
            self.handler.handle(message)
        except Exception as error:  # noqa: BLE001 (handlers are anyone's code; one that fails costs only itself)
            if not self._failing:
                self._failing = True
                self._failed(self, error)
        else:
            self._failing = False

    def _close_handler(self) -> None:
        with contextlib.suppress(Exception):  # the end of a handler that fails is of no use to anyone
            self.handler.close()
