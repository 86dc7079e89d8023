"""The hub: every message goes to each handler that wants its level."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vmon_core.feedback.handlers import JsonLinesHandler
from vmon_core.feedback.lane import Lane
from vmon_core.feedback.message import Message
from vmon_core.feedback.terminal import TerminalHandler
from vmon_core.records import Severity
from vmon_core.redaction import HIDDEN, is_secret_name, redact_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from vmon_core.config import Config
    from vmon_core.feedback.message import Handler

CLOSE_SECONDS = 2.0
"""How long the end waits for handlers that are still at work, for all of them together."""


class Feedback:
    """Tells several handlers at once what vmon does; safe to use from any thread.

    Each handler has a thread of its own, started with its first message, so `say` never waits for one. What has been
    said when the interpreter exits is still handled, for up to `CLOSE_SECONDS`.

    Args:
        redact: takes secrets out of a text before any handler sees it.
        clock: tells the time in Unix seconds.
    """

    def __init__(self, *, redact: Callable[[str], str] = redact_text, clock: Callable[[], float] = time.time) -> None:
        self._redact = redact
        self._clock = clock
        self._changing = threading.Lock()
        self._lanes: tuple[Lane, ...] = ()
        self._held: list[Lane] = []
        self._lowest = float("inf")
        # An embedder may forget `close`; its last words matter most when it is ending badly.
        self._finalizer = weakref.finalize(self, _close, self._held)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make the feedback that a configuration asks for: standard error, and a file of JSON lines if it names one."""
        feedback = cls()
        feedback.add(TerminalHandler(), config.feedback.level)
        if config.feedback.json_file is not None:
            feedback.add(JsonLinesHandler(config.feedback.json_file), config.feedback.level)
        return feedback

    def add(self, handler: Handler, level: Severity = Severity.INFO) -> None:
        """Tell one more handler from now on.

        Args:
            handler: where messages go.
            level: the least severity that it wants.
        """
        with self._changing:
            self._set((*self._lanes, Lane(handler, level, self._report)))

    def remove(self, handler: Handler, timeout: float = CLOSE_SECONDS) -> None:
        """Stop telling `handler`, let it finish, and close it; one that was never added is no error."""
        with self._changing:
            leaving = [lane for lane in self._lanes if lane.handler is handler]
            self._set(tuple(lane for lane in self._lanes if lane.handler is not handler))
        _close(leaving, timeout)

    def say(
        self,
        level: Severity,
        source: str,
        text: str,
        *,
        target: str = "",
        **context: Any,  # noqa: ANN401 (plain values, any of them)
    ) -> None:
        """Send a message to every handler that wants its level; never blocks and never raises for a handler's sake.

        Args:
            level: how much it matters.
            source: the part or plugin that says it.
            text: one sentence for people; secrets are redacted.
            target: the name of the deployment that it is about.
            **context: further facts as plain values; secrets in strings are redacted.
        """
        if level >= self._lowest:
            self._send(self._message(level, source, text, target, context))

    def flush(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Wait until all that was said has been handled.

        Args:
            timeout: seconds to wait at most, for all handlers together.

        Returns:
            Whether everything was handled in time.
        """
        end = time.monotonic() + timeout
        return all(lane.flush(max(0.0, end - time.monotonic())) for lane in self._lanes)

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Handle what was said, for up to `timeout` seconds, and close all handlers."""
        with self._changing:
            lanes = self._lanes
            self._set(())
        _close(lanes, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _set(self, lanes: tuple[Lane, ...]) -> None:
        # A new tuple each time: `say` reads it without a lock and sees the old or the new one, never half of it.
        self._held[:] = lanes
        self._lanes = lanes
        self._lowest = min((lane.level for lane in lanes), default=float("inf"))

    def _message(self, level: Severity, source: str, text: str, target: str, context: Mapping[str, Any]) -> Message:
        return Message(
            time=self._clock(),
            level=level,
            source=source,
            text=self._redact(text),
            target=target,
            context=self._redacted_mapping(context),
        )

    def _redacted_mapping(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {k: HIDDEN if is_secret_name(str(k)) else self._redacted(v) for k, v in mapping.items()}

    def _redacted(self, value: object) -> object:
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, Mapping):
            return self._redacted_mapping(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self._redacted(inner) for inner in value]
        return value

    def _send(self, message: Message, skipped: Lane | None = None) -> None:
        for lane in self._lanes:
            if message.level >= lane.level and lane is not skipped:
                lane.put(message)

    def _report(self, lane: Lane, error: Exception) -> None:
        """Tell the others that one handler fails; it is told nothing, or it would fail again."""
        name = type(lane.handler).__name__
        context = {"handler": name, "error": repr(error)}
        self._send(self._message(Severity.ERROR, "feedback", f"{name} fails: {error}", "", context), skipped=lane)


def _close(lanes: list[Lane] | tuple[Lane, ...], timeout: float = CLOSE_SECONDS) -> None:
    end = time.monotonic() + timeout
    for lane in lanes:
        lane.close(max(0.0, end - time.monotonic()))
