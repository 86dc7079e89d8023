"""One child process from its start to its end: requests and answers, its output, and how it ended."""

from __future__ import annotations

import fcntl
import os
import select
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.host.child.contract import EXIT_MEMORY, WHERE
from vmon_core.host.child.messages import Inbox, pack
from vmon_core.host.failures import EndedError, RemoteError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

CHUNK = 1 << 16
"""Bytes that are read at once."""

OUTPUT_CHUNK = 1 << 18
"""Bytes that the pipe for its output holds, and that are read at once."""

OUTPUT_KEPT = 4096
"""Bytes of its output that are kept: the last lines, such as a traceback."""

OUTPUT_PAUSE = 0.002
"""Seconds of rest after a full read: who prints without end costs us little."""

WHERE_SECONDS = 0.2
"""Seconds that a child gets to say where it hangs."""

GRACE = 2.0
"""Seconds to wait for the kernel to end what was killed."""

_SETTINGS = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
"""Of the child's environment: we want its last words, and arenas of 64 MB would use up its memory limit."""


@attrs.define(eq=False)
class _Pending:
    """A request without an answer yet."""

    done: threading.Event = attrs.field(factory=threading.Event)
    answer: Mapping[str, Any] = attrs.field(factory=dict)

    def settle(self, answer: Mapping[str, Any]) -> None:
        self.answer = answer
        self.done.set()

    def value(self) -> Any:  # noqa: ANN401 (plain data)
        if "error" in self.answer or not self.done.is_set():
            raise RemoteError(str(self.answer.get("error", "it gave no answer")))
        return self.answer.get("value")


class Process:
    """Starts a child process; the starting thread must call `pump` until it has ended, and must not end before it.

    Linux ends the child when the *thread* that started it ends: that is how it dies with vmon, even with one that is
    killed and a child that holds the interpreter's lock.

    Args:
        name: the plugin's name, for whoever lists processes.
        sink: takes what the child sends without being asked; called by `pump`.

    Attributes:
        ended: how it ended, in words; "" while it runs.
        condemned: set when it was killed; one that waits for a device in the kernel does not end before that answers.
    """

    def __init__(self, name: str, sink: Callable[[Mapping[str, Any]], None]) -> None:
        self.ended = ""
        self.condemned = threading.Event()
        self._sink = sink
        self._why = ""
        self._pending: dict[int, _Pending] = {}
        self._numbers = count(1)
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._output = bytearray()
        self._inbox = Inbox()
        self._spawn(name)
        self._watch()

    def _spawn(self, name: str) -> None:
        import subprocess  # noqa: PLC0415 (most monitors have no plugin in a child process)

        self._requests, theirs = socket.socketpair()
        self._answers, back = socket.socketpair()
        self._printed, write = os.pipe()
        fds = (theirs.fileno(), back.fileno())
        try:
            self._popen: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 (ourselves)
                [sys.executable, "-P", "-m", "vmon_core.host.child", *map(str, fds), str(os.getpid()), name],
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                pass_fds=fds,
                start_new_session=True,
                env={**os.environ, **_SETTINGS, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        finally:
            theirs.close()
            back.close()
            os.close(write)

    def _watch(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._life = os.pidfd_open(self.pid)
        self._killed = os.eventfd(0)
        os.set_blocking(self._printed, False)
        with suppress(OSError):
            fcntl.fcntl(self._printed, fcntl.F_SETPIPE_SZ, OUTPUT_CHUNK)
        self._answers.setblocking(False)  # noqa: FBT003 (the standard library's own signature)
        self._selector.register(self._answers, selectors.EVENT_READ, self._read_answers)
        self._selector.register(self._printed, selectors.EVENT_READ, self._read_output)
        self._selector.register(self._life, selectors.EVENT_READ, self._reap)
        self._selector.register(self._killed, selectors.EVENT_READ, self._note_kill)

    @property
    def pid(self) -> int:
        """Its process id, and that of its session and group."""
        return self._popen.pid

    @property
    def output(self) -> str:
        """The last of what it printed."""
        return self._output.decode("utf-8", "replace").strip()

    # --- asking; from any thread ---

    def ask(self, hook: str, arguments: Mapping[str, Any], seconds: float) -> Any:  # noqa: ANN401 (plain data)
        """Call a hook and wait for the answer; a child that gives none in time is killed.

        Raises:
            RemoteError: it failed, or the child has ended; the text says how.
        """
        pending = self.post(hook, arguments, seconds)
        if not pending.done.wait(seconds):
            self.kill(f"{hook} gave no answer for {seconds:g} s{self._where(hook)}")
            pending.done.wait(GRACE)
        return self._value(pending)

    def _where(self, hook: str) -> str:
        """Say in which function a call hangs; a child that holds the interpreter's lock cannot tell."""
        try:
            pending = self.post(WHERE, {"hook": hook}, WHERE_SECONDS)
        except RemoteError:
            return ""
        pending.done.wait(WHERE_SECONDS)
        name = pending.answer.get("value")
        return f"; it hangs in {name}" if name else ""

    def _value(self, pending: _Pending) -> Any:  # noqa: ANN401 (plain data)
        """What was answered; when the child has been killed, or has ended, there is another error for it."""
        if self._why and not pending.done.is_set():
            raise EndedError(self._why)
        if self.ended and pending.answer.get("error") == self.ended:
            raise EndedError(self.ended)
        return pending.value()

    def ask_pumping(self, hook: str, arguments: Mapping[str, Any], seconds: float) -> Any:  # noqa: ANN401 (plain data)
        """The same for the thread that pumps."""
        pending = self.post(hook, arguments, seconds)
        if not self.pump(pending.done, seconds):
            self.kill(f"{hook} gave no answer for {seconds:g} s")
            self.pump()
        return self._value(pending)

    def post(self, hook: str, arguments: Mapping[str, Any], seconds: float) -> _Pending:
        """Send a request; `seconds` is how long the child may take to read it."""
        number, pending = next(self._numbers), _Pending()
        data = pack({"id": number, "hook": hook, "arguments": arguments}, default=str)
        with self._lock:
            if self.ended or self._why:
                raise EndedError(self.ended or self._why)
            self._pending[number] = pending
        with self._sending:
            try:
                self._requests.settimeout(seconds)
                self._requests.sendall(data)
            except TimeoutError:
                self.kill(f"it read no request for {seconds:g} s")
            except OSError:
                pass  # it has just ended; whoever pumps is about to say how
        return pending

    def kill(self, why: str) -> None:
        """Kill it with everything that it started, unless that was left behind in another session.

        Args:
            why: for people; the first reason counts.
        """
        with self._lock:
            if not self.ended:
                self._why = self._why or why
                os.eventfd_write(self._killed, 1)
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

    @property
    def why(self) -> str:
        """Why it was killed, "" when it was not."""
        return self._why

    def hang_up(self) -> None:
        """Ask it to end: it sees the end of the requests."""
        with suppress(OSError):
            self._requests.shutdown(socket.SHUT_WR)

    # --- the thread that started it ---

    def pump(self, until: threading.Event | None = None, seconds: float = inf) -> bool:
        """Take in what the child sends, until it has ended, `until` is set, or the time is over.

        Returns:
            False when the time is over.
        """
        end = time.monotonic() + seconds
        while not self.ended and not (until is not None and until.is_set()):
            left = end - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(None if left == inf else left):
                if not self.ended:
                    key.data()
        return True

    def _note_kill(self) -> None:
        self._selector.unregister(self._killed)
        self.condemned.set()

    def _read_answers(self) -> None:
        try:
            data = self._answers.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(self._answers)
            return
        try:
            for message in self._inbox.feed(data):
                self._deliver(message)
        except RemoteError as error:
            self._selector.unregister(self._answers)
            self.kill(str(error))

    def _deliver(self, message: Mapping[str, Any]) -> None:
        number = message.get("id")
        if number is None:
            self._sink(message)
            return
        with self._lock:
            pending = self._pending.pop(number, None) if isinstance(number, int) else None
        if pending is None:
            msg = f"it answered a question that nobody asked: {str(number)[:40]}"
            raise RemoteError(msg)
        pending.settle(message)

    def _read_output(self) -> None:
        """Keep the end of what it prints."""
        try:
            data = os.read(self._printed, OUTPUT_CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(self._printed)
            return
        self._output += data
        del self._output[:-OUTPUT_KEPT]
        if len(data) == OUTPUT_CHUNK:
            time.sleep(OUTPUT_PAUSE)

    def _reap(self) -> None:
        """Note how it ended, and take away what it left behind."""
        while self._answers.fileno() in self._selector.get_map() and select.select([self._answers], [], [], 0)[0]:
            self._read_answers()
        with self._lock:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            status = self._popen.wait()
            self.ended = self._why or _in_words(status)
            pending, self._pending = self._pending, {}
        with suppress(OSError):
            self._output += os.read(self._printed, OUTPUT_CHUNK)
            del self._output[:-OUTPUT_KEPT]
        self._close()
        for waiting in pending.values():
            waiting.settle({"error": self.ended})

    def _close(self) -> None:
        self._selector.close()
        self._requests.close()
        self._answers.close()
        os.close(self._printed)
        os.close(self._life)
        os.close(self._killed)


def _in_words(status: int) -> str:
    """Say how a process ended.

    >>> _in_words(-11), _in_words(3)
    ('its process crashed with SIGSEGV', 'its process ended with status 3')
    """
    if status == EXIT_MEMORY:
        return "its process reached its memory limit"
    if status >= 0:
        return f"its process ended with status {status}"
    name = signal.Signals(-status).name
    if -status == signal.SIGKILL:
        return f"its process was ended by {name}; out of memory, or somebody else did it"
    crashed = -status in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
    return f"its process {'crashed with' if crashed else 'was ended by'} {name}"
