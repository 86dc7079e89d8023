"""How the main process ends: stopped, drained, or after the death of an engine."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import attrs

from vmon_testkit.standin import messages
from vmon_testkit.standin.api import ApiServer
from vmon_testkit.standin.client import ENGINE_DEAD
from vmon_testkit.standin.processes import send_signal, title
from vmon_testkit.standin.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_testkit.standin.client import EngineClient
    from vmon_testkit.standin.inbox import EngineGone

GRACE_SECONDS = 0.02
"""What an engine gets between SIGTERM and SIGKILL in a stop without time-out; a few milliseconds were recorded."""

ANSWER_SECONDS = 0.5
"""How long the end waits for answers that are being written."""

WATCHDOG_SECONDS = 0.8
"""How long /health says 503 before an idle server notices its engine's death; vLLM looks every 5 s."""


@attrs.frozen
class Ending:
    """The ways to end.

    Attributes:
        state: shared with the server's threads.
        server: to close.
    """

    state: State
    server: ApiServer

    def stop(self) -> int:
        """Stop because of a signal; returns the exit code, if it returns at all."""
        options, log = self.state.options, self.state.log
        timeout = options.drain_seconds
        log.write(messages.STOP_TRIGGERED)
        log.write(messages.STOP_MODE, mode="drain" if timeout else "abort", timeout=f"{timeout:g}")
        if "stuck_stop" in self.state.faults:
            self._get_stuck()
        if "leftover" not in self.state.faults:
            log.write(messages.CLIENT_STOP, timeout=f"{timeout:g}s")
            log.write(messages.MANAGER_STOPPING)
            self.end_engines(timeout)
            self._report_client_stopped()
        self._close_http(wait_for_clients=bool(timeout))
        return 0

    def end_engines(self, timeout: float) -> None:
        """SIGTERM, time to drain, SIGKILL; the workers go with their engine."""
        self.state.refusing = bool(timeout)
        for engine in self.state.engines:
            self.state.log.write(messages.SEND_SIGTERM, engine=engine.name)
            engine.signal(signal.SIGTERM)
        remaining = self._remaining(timeout or GRACE_SECONDS)
        if remaining or not timeout:
            self._force_kill(remaining)

    def after_death(self, gone: EngineGone) -> int:
        """End because an engine died; returns the exit code, which is 0 with one engine, as recorded."""
        state, log = self.state, self.state.log
        several = len(state.engines) > 1
        if several:
            log.write(messages.DP_ENGINE_DIED, engine=state.engines[gone.index].name)
            self.end_engines(0.0)
        elif not gone.announced:
            log.write(messages.ENGINE_EXITED)
            log.write(messages.CLIENT_STOP, timeout="default")
            log.write(messages.MANAGER_STOPPING)
            for line in messages.CLIENT_STOPPED:
                log.write(line)
        self.fail_requests()
        deadline = time.monotonic() + WATCHDOG_SECONDS
        while not state.in_flight and time.monotonic() < deadline:
            time.sleep(GRACE_SECONDS)
        self._close_http(wait_for_clients=False)
        log.uvicorn(f"Finished server process [{log.pid}]")
        return 1 if several else 0

    def fail_requests(self) -> None:
        """Tell every client that its engine is dead."""
        self.state.log.write(messages.OUTPUT_HANDLER_FAILED)
        self.state.engine_dead = True
        for engine in self.state.engines:
            engine.end_streams(ENGINE_DEAD)

    def _remaining(self, timeout: float) -> Sequence[EngineClient]:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if all(engine.dead for engine in self.state.engines):
                break
            time.sleep(GRACE_SECONDS / 4)
        return [engine for engine in self.state.engines if not engine.dead]

    def _force_kill(self, remaining: Sequence[EngineClient]) -> None:
        log = self.state.log
        if remaining:
            log.write(messages.FORCE_KILLING, count=len(remaining))
        for engine in remaining:
            log.write(messages.FORCE_KILLING_ENGINE, engine=engine.name, pid=engine.pid)
            engine.signal(signal.SIGKILL)
        for engine in self.state.engines:
            for pid in engine.running_workers:
                log.write(messages.FORCE_KILLING_WORKER, title=title(pid), pid=pid)
                send_signal(pid, signal.SIGKILL)

    def _report_client_stopped(self) -> None:
        log = self.state.log
        for line in messages.CLIENT_STOPPED:
            log.write(line)
        if self.state.in_flight and not self.state.options.drain_seconds:
            self.fail_requests()
        for line in messages.ENGINE_CLIENT_STOPPED:
            log.write(line)

    def _close_http(self, *, wait_for_clients: bool) -> None:
        """Close the port; after a drain that ran out of time, vLLM waits until its last client hangs up."""
        log = self.state.log
        log.write(messages.HTTP_SHUTDOWN)
        log.uvicorn("Shutting down")
        self.server.stop()
        if not self.state.wait_idle(ANSWER_SECONDS) and wait_for_clients:
            log.uvicorn("Waiting for connections to close. (CTRL+C to force quit)")
            self.state.wait_idle(None)
        log.uvicorn("Waiting for application shutdown.")
        log.uvicorn("Application shutdown complete.")

    def _get_stuck(self) -> None:
        self.server.stop()
        self.state.log.uvicorn("Shutting down")
        self.state.log.uvicorn("Waiting for background tasks to complete. (CTRL+C to force quit)")
        while True:
            signal.pause()
