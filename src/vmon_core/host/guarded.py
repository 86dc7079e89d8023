"""Run a plugin's code before it is used: in a thread of its own, for a limited time, with its prints kept apart."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from vmon_core.errors import PluginError
from vmon_core.host.failures import describe
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmon_core.host.say import Say

_T = TypeVar("_T")

DEADLINE = 10.0
"""Seconds that one such step may take: importing the slowest libraries from a cold disk takes less."""

PRINT_LIMIT = 200
"""Characters of what a plugin prints that are shown."""


def guarded(step: Callable[[], _T], doing: str, say: Say, deadline: float = DEADLINE) -> _T:
    """Do what runs a plugin's code; whatever it raises, and be it an exit, is an error of that plugin.

    A thread that does not come back is left behind. What ends the whole process, such as `os._exit` or a crash in
    native code, cannot be held off here: only a child process can.

    Args:
        step: what to do.
        doing: what that is, for messages.
        say: is told when it printed something, which nobody asked for.
        deadline: seconds that it may take.

    Returns:
        What `step` returns.

    Raises:
        PluginError: it raised, or did not return in time.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(step())
        except BaseException as error:  # noqa: BLE001 (even an exit ends only this thread)
            errors.append(error)

    thread = threading.Thread(target=run, name=f"vmon {doing}", daemon=True)
    with _prints_of(thread) as printed:
        thread.start()
        thread.join(deadline)
    if printed:
        text = "".join(printed)[:PRINT_LIMIT]
        say(Severity.WARNING, "plugins", f"{doing}: it printed something that is not shown, beginning with {text!r}")
    if results:
        return results[0]
    raise _error(doing, errors, deadline)


def _error(doing: str, errors: list[BaseException], deadline: float) -> PluginError:
    if not errors:
        return PluginError(f"{doing} took longer than {deadline:g} s")
    error = errors[0]
    if isinstance(error, PluginError):
        return error
    told = PluginError(f"{doing} failed: {describe(error)}")
    told.__cause__ = error
    return told


@contextmanager
def _prints_of(thread: threading.Thread) -> Iterator[list[str]]:
    """Keep what a thread prints, up to a limit: it must not come between the lines of a command's own output."""
    kept: list[str] = []
    before = sys.stdout, sys.stderr
    ours = _Diverted(before[0], thread, kept), _Diverted(before[1], thread, kept)
    sys.stdout, sys.stderr = ours
    try:
        yield kept
    finally:
        # Another thread may have put something in place meanwhile; then ours stays below it, and lets all through.
        sys.stdout = before[0] if sys.stdout is ours[0] else sys.stdout
        sys.stderr = before[1] if sys.stderr is ours[1] else sys.stderr


class _Diverted:
    """A stream from which the prints of one thread are taken away."""

    def __init__(self, stream: Any, thread: threading.Thread, kept: list[str]) -> None:  # noqa: ANN401 (any stream)
        self._stream = stream
        self._thread = thread
        self._kept = kept
        self._room = PRINT_LIMIT

    def write(self, text: str) -> int:
        """Write, or keep as much as there is room for."""
        if threading.current_thread() is not self._thread:
            return int(self._stream.write(text))
        if self._room > 0:
            self._kept.append(text[: self._room])
            self._room -= len(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (the stream's own)
        return getattr(self._stream, name)
