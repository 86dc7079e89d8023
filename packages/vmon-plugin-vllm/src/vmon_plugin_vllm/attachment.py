"""Everything that is looked at of one server: its processes, its log, its deaths, its HTTP routes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.evidence import Evidence, ProcessSeen, Role
from vmon_core.lifecycle.states import LifecycleState, Stage
from vmon_plugin_vllm.http.client import Client
from vmon_plugin_vllm.http.probes import Prober
from vmon_plugin_vllm.log.lines import LineSplitter
from vmon_plugin_vllm.log.reader import LogReader
from vmon_plugin_vllm.log.tail import LogTail
from vmon_plugin_vllm.process.exits import ExitWatch
from vmon_plugin_vllm.process.table import ProcessTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vmon_core.records import Sample, Target, Tick
    from vmon_plugin_vllm.config import VllmConfig

ROUND_TRIP_SECONDS = 2.0
"""How long a request through the engine may take before it counts as not answered."""

CALM = frozenset({LifecycleState.IDLE, LifecycleState.SERVING})
"""States in which the log is nothing to wait for: deaths are told by the kernel, and make the log be read at once."""

CALM_LOG_SECONDS = 1.0
"""How often the log is read in these states, in seconds."""

SUSPICIOUS = frozenset({LifecycleState.STALLED, LifecycleState.HUNG, LifecycleState.RECOMPILING})
"""States in which it is worth a request through the engine to know more."""


class Attachment:
    """Watches one server until it is closed.

    Deaths and log lines are pushed as they happen; before a death is told, the log is read to its end, because what it
    says about a stop request decides what the death means.

    Args:
        target: the server.
        config: how to look.
        emit: takes evidence, from any thread.
    """

    def __init__(self, target: Target, config: VllmConfig, emit: Callable[[Iterable[Evidence]], None]) -> None:
        self._config = config
        self._emit = emit
        self._table = ProcessTable(target) if target.pid is not None else None
        self._prober = Prober(_client(target, config)) if target.url else None
        self._tail = LogTail(Path(target.log), from_end=not target.owned) if target.log else None
        self._lines, self._reader = LineSplitter(), LogReader()
        self._reading = threading.Lock()
        self._watched: set[tuple[int, float | None]] = set()
        self._exits = ExitWatch(self._died)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="vmon-log", daemon=True)
        self._scraped_at = 0.0
        self._calm = False

    def start(self) -> None:
        """Begin to follow the log."""
        if self._tail is not None:
            self._thread.start()

    def close(self) -> None:
        """Stop watching; what the log still holds is read."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._exits.close()
        self._read_log()
        if self._tail is not None:
            self._tail.close()
        if self._prober is not None:
            self._prober.close()

    # --- looks, on a schedule ---

    def look(self, tick: Tick) -> Iterator[Evidence | Sample]:
        """Look at the processes and, when it is time, at the HTTP routes."""
        self._calm = tick.state in CALM
        if not self._calm:
            self._read_log()  # a process appears after the line that announces it, so it is told after it
        yield from self._look_at_processes(tick.time)
        if self._prober is not None and self._may_ask(tick):
            yield from self._prober.look(time.time())
            if tick.state in SUSPICIOUS:
                yield from self._prober.round_trip(time.time(), ROUND_TRIP_SECONDS)

    def _may_ask(self, tick: Tick) -> bool:
        """Scrape at the configured pace, and at every look while something is wrong; not after the end."""
        pace = self._config.scrape_interval
        if tick.state.stage is Stage.ENDED and tick.state is not LifecycleState.UNREACHABLE:
            return False
        if not tick.urgent and tick.time - self._scraped_at < pace * 0.9:
            return False
        self._scraped_at = tick.time
        return True

    def _look_at_processes(self, now: float) -> Iterator[Evidence]:
        if self._table is None:
            return
        for seen in self._table.look(now):
            if isinstance(seen, ProcessSeen):
                self._watch(seen)
            yield seen

    def _watch(self, seen: ProcessSeen) -> None:
        """Hear of the end of each process that matters at once; a renamed one is watched already."""
        identity = (seen.pid, seen.started)
        if identity in self._watched or seen.role is Role.COMPILER or self._closing.is_set():
            return
        self._watched.add(identity)
        self._exits.watch(seen.pid, seen.started, main=seen.role is Role.MAIN)

    # --- what happens in between ---

    def _died(self, evidence: Evidence) -> None:
        self._read_log()
        self._emit([evidence])

    def _follow(self) -> None:
        while not self._closing.wait(self._log_pause()):
            self._read_log()

    def _log_pause(self) -> float:
        pace = self._config.log_interval
        return max(pace, CALM_LOG_SECONDS) if self._calm else pace

    def _read_log(self) -> None:
        """Take in what was added to the log; two threads do, so one at a time."""
        if self._tail is None:
            return
        with self._reading:
            while data := self._tail.read():
                now = time.time()
                found = [e for line in self._lines.feed(data) for e in self._reader.feed(line, now)]
                if found:
                    self._emit(found)


def _client(target: Target, config: VllmConfig) -> Client:
    return Client(target.url, api_key=config.api_key, ca=config.ca, insecure=config.insecure, timeout=config.timeout)
