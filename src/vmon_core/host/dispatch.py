"""Call implementations one by one, so that one that fails costs only itself.

Implementations of the judging hooks run in the pipeline's own thread: a hop to another thread would cost more than most
of them do. The call in flight is noted, so that a watchdog can *abandon* it when it overruns its deadline: the
implementation counts as stuck, the pipeline goes on in a fresh thread (see `carrier.py`), and the thread that was left
behind ends as soon as its call returns. Only a thread that asked to be watched is ever abandoned: a call that a user's
own thread makes is the user's to wait for.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from vmon_core.errors import VmonError
from vmon_core.host.failures import EndedError, describe, failed_in, is_interrupt
from vmon_core.host.health import Health
from vmon_core.records import Severity

if TYPE_CHECKING:
    from vmon_core.host.say import Say

_T = TypeVar("_T")

DEADLINE = 2.0
"""Seconds that a call in the pipeline's thread may take: the whole pipeline waits for it."""


PIPELINE_THREAD = "vmon-pipeline"
"""The name of the thread that calls the judging hooks."""

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

    @property
    def thread(self) -> str:
        """The name of the thread that calls it: collectors, beginnings and ends have their own."""
        if self.hook == "vmon_collect":
            return f"vmon-{self.plugin}"
        return f"vmon-{self.plugin}-{self.hook}" if self.hook in ("vmon_start", "vmon_stop") else PIPELINE_THREAD


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


@attrs.define(eq=False)
class _Flight:
    """What one thread is calling.

    Attributes:
        implementation: the call in flight, None between two rounds.
        started: when it began, in seconds of the dispatcher's clock.
        given_up: the implementation for which the watchdog abandoned this thread, None while it is wanted.
    """

    implementation: Implementation | None = None
    started: float = 0.0
    given_up: Implementation | None = None

    def check(self) -> None:
        """End the thread when it was abandoned; the implementation may be called again.

        It need not be the one that just returned: the watchdog may have been late by one call.
        """
        if self.given_up is not None:
            self.given_up.health.stuck = False
            raise Abandoned


class _ThisThread(threading.local):
    def __init__(self) -> None:
        self.flight = _Flight()


class Dispatcher:
    """Calls implementations in isolation; any thread may call.

    Args:
        say: is told of failures: the first of a row and every pause.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, say: Say, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._here = _ThisThread()
        self._watched: _Flight | None = None
        self._lock = threading.Lock()

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
        clock, flight = self._clock, self._here.flight
        names: tuple[str, ...] = ()
        given: list[Any] = []
        now = clock()
        for implementation in implementations:
            health = implementation.health
            if health.stuck or now < health.paused_until:
                continue
            flight.started, flight.implementation = now, implementation
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
                flight.check()
                if is_interrupt(error):
                    flight.implementation = None
                    raise
                failures.append(self._failed(implementation, error, now))
                now = clock()
                continue
            end = clock()
            if flight.given_up is not None:
                flight.check()
            health.calls += 1
            health.total_seconds += end - now
            if health.in_a_row or end - now > health.worst_seconds:
                health.noticed(end - now)
            now = end
        with self._lock:  # the watchdog may be deciding about the last call at this very moment
            flight.implementation = None
        flight.check()
        return results, failures

    def ask(self, implementation: Implementation, arguments: dict[str, Any], read: Callable[[object], _T]) -> _T:
        """Call one implementation for somebody who waits for its answer.

        Args:
            implementation: whom to ask.
            arguments: all arguments of the hook by name.
            read: makes the answer of what was returned; it raises when that is rubbish.

        Returns:
            The answer.

        Raises:
            VmonError: the plugin refuses on purpose, and says why.
            PluginError: it failed in any other way; that is counted and told as well.
        """
        started = self._clock()
        try:
            answer = read(implementation.function(*[arguments[name] for name in implementation.names]))
        except VmonError:
            raise
        except BaseException as error:
            if is_interrupt(error):
                raise
            failed = self._failed(implementation, error, started)
            raise failed_in(failed.plugin, implementation.hook, failed.error) from error
        implementation.health.succeeded(self._clock() - started)
        return answer

    def _failed(self, implementation: Implementation, error: BaseException, started: float) -> Failed:
        now, health = self._clock(), implementation.health
        text = describe(error)
        health.failed(text, now - started, now)
        if not isinstance(error, EndedError) and (health.in_a_row == 1 or health.paused_until > now):
            pause = f"; left alone for {health.paused_until - now:.0f} s" if health.paused_until > now else ""
            message = f"{implementation.hook} failed: {text}{pause}"
            self._say(Severity.ERROR, implementation.plugin, message, hook=implementation.hook)
        return Failed(implementation.plugin, text)

    # --- for the watchdog ---

    def watch(self) -> None:
        """Have the watchdog look after the calls of the calling thread from now on, and of no other."""
        self._watched = self._here.flight

    def abandon(self, deadline: float = DEADLINE) -> Implementation | None:
        """Give up on a call of the watched thread that overruns; its implementation counts as stuck until it returns.

        Args:
            deadline: seconds that a call may take.

        Returns:
            The implementation, None when no call is overdue.
        """
        with self._lock:
            flight = self._watched
            implementation, took = (flight.implementation, self._clock() - flight.started) if flight else (None, 0.0)
            if flight is None or implementation is None or took <= deadline:
                return None
            implementation.health.stuck = True  # first: the thread takes it back as soon as it sees the next line
            flight.given_up = implementation
            self._watched = None
        implementation.health.failed(f"no answer for {took:.1f} s", took, self._clock())
        text = f"{implementation.hook} has not returned for {took:.1f} s; it is not called again until it does"
        self._say(Severity.ERROR, implementation.plugin, text, hook=implementation.hook)
        return implementation


def _refuse_coroutine(value: object) -> None:
    """Only `vmon_collect` may be `async def`: the other hooks run in the pipeline's own thread."""
    if inspect.iscoroutine(value):
        value.close()
        msg = "it must be a plain function; only vmon_collect may be async"
        raise TypeError(msg)
