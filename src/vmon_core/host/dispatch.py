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


_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}
"""One object for all equal tuples of argument names, so that they are compared by identity."""


def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    return _NAMES.setdefault(names, names)


class Abandoned(BaseException):
    """Unwinds a thread whose call was abandoned; nothing must catch it but the thread's own end."""


@attrs.define(eq=False)
class Implementation:
    """One plugin's implementation of one hook.

    Attributes:
        plugin: the plugin's name.
        hook: the hook's name.
        function: what to call.
        names: the arguments that it wants, in its own order; equal tuples are one object.
        health: how it fares.
    """

    plugin: str
    hook: str
    function: Callable[..., Any]
    names: tuple[str, ...] = attrs.field(converter=_shared)
    health: Health = attrs.field(factory=Health)


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
        self._current: Implementation | None = None
        self._started = 0.0
        self._epoch = 0
        self._left_behind: dict[int, Implementation] = {}

    def call_all(
        self,
        implementations: Iterable[Implementation],
        arguments: dict[str, Any],
        read: Callable[[Any], Any] | None = None,
    ) -> tuple[list[Result], list[Failed]]:
        """Call every implementation that may run; one that raises, or returns rubbish, costs only itself.

        This is the hottest loop of the host. The end of one call is the start of the next, so the clock is read once
        for each; arguments are picked once for a row of implementations that want the same (they share one tuple of
        names, see `Implementation`); and nothing is allocated for an implementation that has nothing to say.

        Args:
            implementations: in the order of the calls.
            arguments: all arguments of the hook by name.
            read: makes a result of what was returned, lazy generators included; it raises when that is rubbish. None
                when nothing is expected.

        Returns:
            The results, and the failures, each in the order of the calls.
        """
        results: list[Result] = []
        failures: list[Failed] = []
        clock, epoch = self._clock, self._epoch
        names: tuple[str, ...] = ()
        given: list[Any] = []
        now = clock()
        for implementation in implementations:
            health = implementation.health
            if health.stuck or now < health.paused_until:
                continue
            self._started, self._current = now, implementation
            if implementation.names is not names:
                names = implementation.names
                given = [arguments[name] for name in names]
            try:
                value = implementation.function(*given)
                if read is not None:
                    results.append(Result(implementation.plugin, read(value)))
                elif value is not None:
                    _refuse_coroutine(value)
            except BaseException as error:
                self._check(epoch)
                if is_interrupt(error):
                    raise
                failures.append(self._failed(implementation, error, now))
                now = clock()
                continue
            end = clock()
            if self._epoch != epoch:
                self._check(epoch)
            health.calls += 1
            health.total_seconds += end - now
            if health.in_a_row or end - now > health.worst_seconds:
                health.noticed(end - now)
            now = end
        self._current = None
        return results, failures

    def _check(self, epoch: int) -> None:
        """End the thread whose call was abandoned; that implementation may be called again.

        It need not be the one that just returned: the watchdog may have been late by one call.
        """
        if self._epoch != epoch:
            self._left_behind.pop(epoch).health.stuck = False
            raise Abandoned
        self._current = None

    def _failed(self, implementation: Implementation, error: BaseException, started: float) -> Failed:
        now, health = self._clock(), implementation.health
        text = describe(error)
        health.failed(text, now - started, now)
        if health.in_a_row == 1 or health.paused_until > now:
            pause = f"; left alone for {health.paused_until - now:.0f} s" if health.paused_until > now else ""
            message = f"{implementation.hook} failed: {text}{pause}"
            self._say(Severity.ERROR, implementation.plugin, message, hook=implementation.hook)
        return Failed(implementation.plugin, text)

    # --- for the watchdog ---

    def abandon(self, deadline: float = DEADLINE) -> Implementation | None:
        """Give up on a call that overruns; its implementation counts as stuck until it returns.

        Args:
            deadline: seconds that a call may take.

        Returns:
            The implementation, None when no call is overdue.
        """
        implementation, took = self._current, self._clock() - self._started
        if implementation is None or took <= deadline:
            return None
        implementation.health.stuck = True
        self._left_behind[self._epoch] = implementation
        self._epoch += 1
        self._current = None
        implementation.health.failed(f"no answer for {took:.1f} s", took, self._clock())
        text = f"{implementation.hook} has not returned for {took:.1f} s; it is not called again until it does"
        self._say(Severity.ERROR, implementation.plugin, text, hook=implementation.hook)
        return implementation


def is_interrupt(error: BaseException) -> bool:
    """Whether this is the user's Ctrl-C: only the main thread gets one, elsewhere a plugin raised it itself."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def describe(error: BaseException) -> str:
    """Put an exception into words, even one that cannot do so itself.

    >>> describe(ValueError("too long"))
    'ValueError: too long'
    """
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 (its own __str__ is a plugin's code as well)
        return type(error).__name__


def _refuse_coroutine(value: object) -> None:
    """Only `vmon_collect` may be `async def`: the other hooks run in the pipeline's own thread."""
    if inspect.iscoroutine(value):
        value.close()
        msg = "it must be a plain function; only vmon_collect may be async"
        raise TypeError(msg)
