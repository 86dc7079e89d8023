"""A person at work: starts vmon commands on a real vLLM and reads what they print."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

START_SECONDS = 300.0
"""How long a start of the real server may take on a busy two-core machine."""

Event = dict[str, Any]


def configure(home: Path, more: str = "") -> Path:
    """Write a configuration file that keeps everything below `home`, unless there is one already."""
    config = home / "vmon.toml"
    if not config.exists():
        config.write_text(f'[monitor]\ndata_dir = "{home / "state"}"\n{more}')
    return config


class Vmon:
    """A vmon command in a process of its own; its JSON lines are collected as they come."""

    def __init__(self, home: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        config = configure(home)
        self.events: list[Event] = []
        self._arrived: queue.Queue[Event | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vmon_core", "--config", str(config), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._arrived.put(json.loads(line))
        self._arrived.put(None)

    def wait_for(self, wanted: Callable[[Event], bool], timeout: float = START_SECONDS) -> Event:
        """Wait until an event is `wanted`; those before it are kept in `events`."""
        end = time.monotonic() + timeout
        while True:
            try:
                event = self._arrived.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                msg = f"not seen in {timeout:.0f} s; seen: {[e.get('to', e.get('code')) for e in self.events]}"
                raise TimeoutError(msg) from None
            if event is None:
                msg = f"vmon ended first; seen: {[e.get('to', e.get('code')) for e in self.events]}"
                raise EOFError(msg)
            self.events.append(event)
            if wanted(event):
                return event

    def wait_for_state(self, *states: str, timeout: float = START_SECONDS) -> Event:
        """Wait for a transition to one of these states."""
        return self.wait_for(lambda e: e.get("to") in states, timeout)

    def report(self, timeout: float = 60.0) -> Event:
        """Wait for the report at the end."""
        return self.wait_for(lambda e: e.get("event") == "report", timeout)

    def rest(self, timeout: float = 10.0) -> Iterator[Event]:
        """The events until its end."""
        while (event := self._arrived.get(timeout=timeout)) is not None:
            yield event

    @property
    def states(self) -> list[str]:
        """The states visited so far."""
        return [e["to"] for e in self.events if e.get("event") == "transition"]

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def exit_code(self, timeout: float = 60.0) -> int:
        """Wait for the end."""
        return self.process.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Server:
    """A real server that a person may start with vmon."""

    def __init__(self, vllm: str, model: str, port: int, home: Path) -> None:
        self.port = port
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self.command = (vllm, "serve", model, "--served-model-name", "tiny", "--port", str(port), "--enforce-eager")
        self.environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}

    def run(self, *more: str) -> Vmon:
        """`vmon run` on it."""
        return Vmon(self.home, "run", "--json", "--", *self.command, *more, environment=self.environment)

    def once(self) -> tuple[Event, int]:
        """`vmon watch --once` on it: the verdict and the exit code."""
        with Vmon(self.home, "watch", "--once", "--json", self.url) as watch:
            return watch.wait_for(lambda e: "reason" in e, 10.0), watch.exit_code()

    def ask(self, *arguments: str) -> tuple[list[Event], int]:
        """Any other command beside it: what it printed, and the exit code."""
        with Vmon(self.home, *arguments) as command:
            code = command.exit_code()
            return list(command.rest()), code

    def health(self) -> int:
        """What /health answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/health")
            return connection.getresponse().status

    def processes(self, *words: str) -> list[psutil.Process]:
        """Its processes whose title holds one of these words; those of this port's session only."""
        main = [p for p in psutil.process_iter(["cmdline"]) if str(self.port) in (p.info["cmdline"] or [])]
        servers = [p for p in main if "serve" in p.info["cmdline"] and "vmon_core" not in p.info["cmdline"]]
        tree = {q for p in servers for q in (p, *p.children(recursive=True))}
        return [p for p in tree if any(w in " ".join(p.cmdline()) for w in words)]

    def end(self) -> None:
        """Kill what is left of it."""
        for process in self.processes(""):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
