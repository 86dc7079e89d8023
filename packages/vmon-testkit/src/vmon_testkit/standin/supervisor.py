"""The main process: goes through the start, then reacts to signals, engines and the scenario until it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

from vmon_testkit.standin import messages
from vmon_testkit.standin.api import ApiServer
from vmon_testkit.standin.client import EngineClient, EngineDeadError
from vmon_testkit.standin.exposition import bucket_bounds, read_template
from vmon_testkit.standin.inbox import EngineGone, EngineReady, Inbox, Signalled, Switch
from vmon_testkit.standin.logs import Log, emit
from vmon_testkit.standin.options import VERSION, keep_alive_on_engine_death
from vmon_testkit.standin.phases import spend
from vmon_testkit.standin.processes import send_signal
from vmon_testkit.standin.routes import route_table
from vmon_testkit.standin.scenario import FAULTS
from vmon_testkit.standin.shutdown import Ending
from vmon_testkit.standin.state import State
from vmon_testkit.standin.stats import StatsLine

if TYPE_CHECKING:
    from vmon_testkit.standin.inbox import Event
    from vmon_testkit.standin.options import Options
    from vmon_testkit.standin.scenario import Fault

_ENGINE_FAULTS = frozenset({"hang", "frozen_gauges", "livelock", "preemptions", "nan"})
_DEATHS = frozenset({"engine_death", "worker_death"})


class StartFailedError(Exception):
    """The start failed; everything about it has been logged."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Supervisor:
    """One stand-in.

    Args:
        options: all of its settings.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._launched = time.monotonic()
        self._inbox = Inbox()
        self._log = Log("APIServer", os.getpid(), options.json_log)
        families = read_template()
        bounds = bucket_bounds(families)
        engines = [EngineClient(options, index, bounds) for index in range(options.data_parallel_size)]
        self._state = State(options, self._log, self._inbox, engines, families)
        self._stats = StatsLine(self._log, engines, options.stats_interval)
        for fault in options.faults:
            self._export_corruption(fault.name)

    def run(self) -> int:
        """Live; returns the exit code."""
        try:
            self._parse_arguments()
            server = self._bind()
            self._ending = Ending(self._state, server)
            self._start_engines(server)
            self._await_engines()
        except StartFailedError as failure:
            return failure.code
        self._open(server)
        return self._serve()

    # Start-up

    def _parse_arguments(self) -> None:
        """The phase of imports, in which a SIGTERM simply kills, and the first lines."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        spend(self._options.phases["launching"])
        if self._start_fault("bad_arg"):
            emit(messages.USAGE)
            raise StartFailedError(2)
        banner = messages.BANNER_JSON if self._options.json_log else messages.BANNER
        self._log.write(banner, version=VERSION, model=self._options.model)
        self._log.write(messages.ARGUMENTS, arguments=dict(self._options.non_default))

    def _bind(self) -> ApiServer:
        if not self._start_fault("port_in_use"):
            with contextlib.suppress(OSError):
                return ApiServer(self._state, route_table())
        where = "vllm/entrypoints/launchers/launcher.py"
        emit(messages.traceback(where, 348, "create_server_socket", messages.PORT_IN_USE) + "\n")
        raise StartFailedError(1)

    def _start_engines(self, server: ApiServer) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._inbox.put(Signalled()))
        self._log.write(messages.ARCHITECTURE)
        self._log.write(messages.MAX_MODEL_LEN, max_model_len=self._options.max_model_len)
        if self._options.enforce_eager:
            self._log.write(messages.EAGER)
        self._log.write(messages.FUSIONS)
        spend(self._options.phases["initializing"])
        started: list[EngineClient] = []
        for engine in self._state.engines:
            engine.start(close=(server, *started))
            started.append(engine)
        for engine in started:
            engine.listen(self._inbox)
        self._plan("launch", self._launched)

    def _await_engines(self) -> None:
        """Wait until every engine is ready.

        Raises:
            StartFailedError: one of them ended instead.
        """
        missing = {engine.name for engine in self._state.engines}
        forgiven = self._options.fault("lost_first_term") is None
        while missing:
            event = self._next()
            if isinstance(event, EngineReady):
                missing.discard(self._state.engines[event.index].name)
            elif isinstance(event, EngineGone):
                self._give_up(event)
            elif isinstance(event, Signalled) and not forgiven:
                forgiven = True
            elif isinstance(event, Signalled):
                self._abandon_start()

    def _give_up(self, gone: EngineGone) -> None:
        failed = {self._state.engines[gone.index].name: 1}
        error = messages.ENGINE_INIT_FAILED.format(failed=failed)
        emit(messages.traceback("vllm/v1/engine/utils.py", 1431, "wait_for_engine_startup", error) + "\n")
        self._ending.end_engines(0.0)
        raise StartFailedError(1)

    def _abandon_start(self) -> None:
        """End by SIGINT, as a real start does that was told to stop."""
        self._ending.end_engines(0.0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()

    def _open(self, server: ApiServer) -> None:
        self._log.write(messages.SUPPORTED_TASKS)
        self._log.write(messages.STARTING_SERVER, host=self._options.host, port=self._options.port)
        self._log.write(messages.ROUTES)
        for method, path in server.routes:
            if not path.startswith("/standin"):
                self._log.write(messages.ROUTE, path=path, methods=method)
        spend(self._options.phases["starting_server"])
        self._log.uvicorn(f"Started server process [{os.getpid()}]")
        self._log.uvicorn("Waiting for application startup.")
        self._log.uvicorn("Application startup complete.")
        server.start()
        self._plan("ready", time.monotonic())
        if self._options.stats:
            self._stats.start()

    def _start_fault(self, cause: str) -> bool:
        return (self._options.fault("fail_start") or {}).get("cause") == cause

    def _plan(self, since: str, base: float) -> None:
        for fault in self._options.faults:
            if fault.since == since and not FAULTS[fault.name].startup:
                self._inbox.plan(fault, base=base)

    # Serving

    def _serve(self) -> int:
        while True:
            event = self._next()
            if isinstance(event, Signalled):
                return self._ending.stop()
            if isinstance(event, EngineGone) and keep_alive_on_engine_death():
                self._ending.fail_requests()
            elif isinstance(event, EngineGone):
                return self._ending.after_death(event)

    def _next(self) -> Event | None:
        """The next event, after what this process does by the clock."""
        event = self._inbox.next(self._stats.due)
        self._stats.write_if_due()
        if isinstance(event, Switch):
            self._switch(event.fault, on=event.on)
            event.applied.set()
        return event

    def _switch(self, fault: Fault, *, on: bool) -> None:
        name = fault.name
        if on and name in _DEATHS:
            self._kill(fault)
            return
        if on:
            self._state.faults[name] = fault.parameters
            self._export_corruption(name)
        else:
            self._state.faults.pop(name, None)
        if name in _ENGINE_FAULTS:
            for engine in self._state.engines:
                try:
                    engine.set_fault(name, fault.parameters if on else None)
                except EngineDeadError:
                    continue

    def _export_corruption(self, fault: str) -> None:
        """Add the counter that vLLM has only where it looks for NaNs."""
        if fault == "nan":
            self._state.families = read_template(corrupted=True)

    def _kill(self, fault: Fault) -> None:
        engine = self._state.engines[int(fault.parameters["engine"])]
        if fault.name == "engine_death":
            engine.signal(signal.SIGKILL)
        elif engine.running_workers:
            send_signal(engine.worker_pids[int(fault.parameters["rank"])], signal.SIGKILL)
