"""Start a stand-in from a test, look at its processes, and leave nothing of it behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from vmon_testkit.standin.processes import members, send_signal, title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

POLL_SECONDS = 0.02


class StandInError(RuntimeError):
    """The stand-in did not do what was waited for; the message ends with the tail of its log."""


class StandIn:
    """A stand-in on a free port of the loopback interface.

    It starts when the object is made, in a session of its own.

    Args:
        *arguments: flags of `vmon-standin serve`, such as `"-tp", "2"` or `"--fault", "hang:at=1"`.
        model: the model's name.
        startup_seconds: length of the start.
        environment: variables to add, such as `{"VLLM_SERVER_DEV_MODE": "1"}`.
        log_path: where both output streams go; a temporary file without it.

    >>> with StandIn(startup_seconds=0.1) as server:
    ...     server.wait_ready(timeout=30)
    ...     len(server.worker_pids)
    1
    >>> server.returncode
    0
    """

    def __init__(
        self,
        *arguments: str,
        model: str = "tiny",
        startup_seconds: float = 0.2,
        environment: Mapping[str, str] | None = None,
        log_path: Path | None = None,
    ) -> None:
        self.port = free_port()
        self._temporary = log_path is None
        self.log_path = log_path or Path(tempfile.mkstemp(prefix="standin-", suffix=".log")[1])
        self.argv = (
            *(sys.executable, "-m", "vmon_testkit.standin", "serve", model),
            *("--port", str(self.port), "--startup-seconds", str(startup_seconds), *arguments),
        )
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own command; the flags come from the test)
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._temporary:
            self.log_path.unlink(missing_ok=True)

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The main process, which leads the session."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How the main process ended: its exit code, a negative signal number, or None while it runs."""
        return self._process.poll()

    @property
    def pids(self) -> list[int]:
        """All of its processes that run."""
        return members(self.pid)

    @property
    def engine_pids(self) -> list[int]:
        """The engine cores, in order of their pids."""
        return [pid for pid in self.pids if title(pid).startswith("VLLM::EngineCore")]

    @property
    def engine_pid(self) -> int:
        """The only, or first, engine core.

        Raises:
            StandInError: there is none.
        """
        pids = self.engine_pids
        if not pids:
            self._fail("no engine core is running")
        return pids[0]

    @property
    def worker_pids(self) -> list[int]:
        """The workers of all engines, in order of their pids."""
        return [pid for pid in self.pids if title(pid).startswith("VLLM::Worker")]

    @property
    def log(self) -> str:
        """Everything that it printed so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until /health answers 200.

        Args:
            timeout: seconds.

        Raises:
            StandInError: it ended instead, or took too long.
        """
        self.wait_for(self._healthy, timeout=timeout, what="ready")

    def wait_for(self, condition: Callable[[], bool], *, timeout: float = 10.0, what: str = "as expected") -> None:
        """Wait until a condition holds.

        Args:
            condition: asked again and again.
            timeout: seconds.
            what: ends the sentence "the stand-in did not get …".

        Raises:
            StandInError: it never held, or the stand-in ended first.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            if self.returncode is not None and not condition():
                self._fail(f"the stand-in ended with {self.returncode} before it got {what}")
            if time.monotonic() > deadline:
                self._fail(f"the stand-in did not get {what} within {timeout:g} s")
            time.sleep(POLL_SECONDS)

    def wait_gone(self, timeout: float = 10.0) -> None:
        """Wait until none of its processes runs, whoever their parent is by then.

        Args:
            timeout: seconds.

        Raises:
            StandInError: some of them still run.
        """
        deadline = time.monotonic() + timeout
        while left := self.pids:
            if time.monotonic() > deadline:
                self._fail(f"the stand-in left {len(left)} processes behind for {timeout:g} s")
            time.sleep(POLL_SECONDS)

    def wait_exit(self, timeout: float = 10.0) -> int:
        """Wait for the main process to end; returns its exit code, or a negative signal number.

        Raises:
            StandInError: it took too long.
        """
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._fail(f"the stand-in did not end within {timeout:g} s")

    def stop(self, timeout: float = 3.0) -> int:
        """SIGTERM, then SIGKILL for whatever of the session is left; returns how the main process ended.

        Args:
            timeout: seconds between the two.
        """
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
        code = self._process.wait()
        while left := self.pids:
            for pid in left:
                send_signal(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        return code

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1.0)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _fail(self, problem: str) -> NoReturn:
        message = f"{problem}; its log ends:\n{self.log[-2000:]}"
        raise StandInError(message)


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
