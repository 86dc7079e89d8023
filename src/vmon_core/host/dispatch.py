"""Call implementations one by one, so that one that fails costs only itself.

Implementations of the judging hooks run in the pipeline's own thread: a hop to another thread would cost more than most
of them do. The call in flight is noted, so that a watchdog can *abandon* it when it overruns its deadline: the
implementation counts as stuck, the pipeline goes on in a fresh thread (see `carrier.py`), and the thread that was left
behind ends as soon as its call returns.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.host.health import Health
from vmon_core.records import Severity

if TYPE_CHECKING:
    from vmon_core.host.say import Say

DEADLINE = 2.0
"""Seconds that a call in the pipeline's thread may take: the whole pipeline waits for it."""


class Abandoned(BaseException):
    """Unwinds a thread whose call was abandoned; nothing must catch it but the thread's own end."""


@attrs.define(eq=False)
class Implementation:
    """One plugin's implementation of one hook.

    Attributes:
        plugin: the plugin's name.
        hook: the hook's name.
        function: what to call.
        names: the arguments that it wants, in its own order.
        health: how it fares.
    """

    plugin: str
    hook: str
    function: Callable[..., Any]
    names: tuple[str, ...]
    health: Health = attrs.field(factory=Health)


@attrs.define(eq=False)
class _InFlight:
    """A call that has not returned; `abandoned` tells its thread to end."""

    implementation: Implementation
    started: float
    thread: threading.Thread
    abandoned: bool = False


@attrs.frozen
class Result:
    """What one implementation returned."""

    plugin: str
    value: Any


@attrs.frozen
class Failed:
    """That one implementation failed, and how."""

    plugin: str
    error: str


class Dispatcher:
    """Calls implementations in isolation.

    Args:
        say: is told of failures: the first of a row and every pause.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, say: Say, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._in_flight: _InFlight | None = None

    def call_all(
        self, implementations: Iterable[Implementation], arguments: dict[str, Any], read: Callable[[Any], Any]
    ) -> tuple[list[Result], list[Failed]]:
        """Call every implementation that may run.

        Args:
            implementations: in the order of the calls.
            arguments: all arguments of the hook by name.
            read: makes a result of what was returned; it raises when that is rubbish.

        Returns:
            The results, and the failures, each in the order of the calls.
        """
        results: list[Result] = []
        failures: list[Failed] = []
        for implementation in implementations:
            if not implementation.health.may_run(self._clock()):
                continue
            outcome = self.call(implementation, arguments, read)
            (results if isinstance(outcome, Result) else failures).append(outcome)  # type: ignore[arg-type]  # by its type
        return results, failures

    def call(
        self, implementation: Implementation, arguments: dict[str, Any], read: Callable[[Any], Any]
    ) -> Result | Failed:
        """Call one implementation; a lazy generator is consumed by `read`, within the isolation."""
        started = self._clock()
        flight = self._in_flight = _InFlight(implementation, started, threading.current_thread())
        try:
            value = implementation.function(*[arguments[name] for name in implementation.names])
            if inspect.iscoroutine(value):
                value.close()
                msg = f"{implementation.hook} must be a plain function; only vmon_collect may be async"
                raise TypeError(msg)  # noqa: TRY301 (counts as the plugin's failure)
            result = read(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (a plugin that exits must not end the monitor)
            self._returned(flight)
            return self._failed(implementation, error, started)
        self._returned(flight)
        implementation.health.succeeded(self._clock() - started)
        return Result(implementation.plugin, result)

    def _returned(self, flight: _InFlight) -> None:
        if flight.abandoned:
            flight.implementation.health.stuck = False
            raise Abandoned
        self._in_flight = None

    def _failed(self, implementation: Implementation, error: BaseException, started: float) -> Failed:
        now, health = self._clock(), implementation.health
        text = f"{type(error).__name__}: {error}"
        health.failed(text, now - started, now)
        if health.in_a_row == 1 or health.paused_until > now:
            pause = f"; left alone for {health.paused_until - now:.0f} s" if health.paused_until > now else ""
            message = f"{implementation.hook} failed: {text}{pause}"
            self._say(Severity.ERROR, implementation.plugin, message, hook=implementation.hook)
        return Failed(implementation.plugin, text)

    # --- for the watchdog ---

    def overdue(self, deadline: float = DEADLINE) -> bool:
        """Whether the call in flight has taken longer than `deadline` seconds."""
        flight = self._in_flight
        return flight is not None and self._clock() - flight.started > deadline

    def abandon(self) -> Implementation | None:
        """Give up on the call in flight; its implementation counts as stuck until it returns."""
        flight = self._in_flight
        if flight is None:
            return None
        flight.implementation.health.stuck = True
        flight.abandoned = True
        self._in_flight = None
        took = self._clock() - flight.started
        flight.implementation.health.failed(f"no answer for {took:.1f} s", took, self._clock())
        text = f"{flight.implementation.hook} has not returned for {took:.1f} s; it is not called again until it does"
        self._say(Severity.ERROR, flight.implementation.plugin, text, hook=flight.implementation.hook)
        return flight.implementation
