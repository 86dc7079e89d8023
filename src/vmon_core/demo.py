"""The demo: a real run of vmon over a server whose engine is made to hang while requests are in flight."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vmon_core.errors import VmonError
from vmon_core.evidence import Role
from vmon_core.lifecycle.states import LifecycleState, Stage
from vmon_core.records import GuardrailPolicy, Severity
from vmon_core.running import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.config import Config
    from vmon_core.feedback import Feedback
    from vmon_core.monitor import VLLMMonitor
    from vmon_core.running import View

SERVE_SECONDS, HANG_SECONDS, RECOVER_SECONDS = 4.0, 9.0, 4.0
"""How long the acts of the demo last."""

START_SECONDS = 300.0
"""How long the server may take to start; a real one on two busy cores needs a minute and a half."""

CLIENTS = 2
"""Requests that are in flight at any time: enough for an engine that is stopped to be missed."""

LOOK_SECONDS = 0.1

MODEL = "stand-in"

HANG_GUARDRAIL = GuardrailPolicy(
    name="tell-people-of-hangs",
    description="the engine does not answer although /health says that all is well",
    condition=lambda checkpoint: checkpoint.state is LifecycleState.HUNG,
    intervention="notify",
    severity=Severity.CRITICAL,
)


class Demo:
    """Runs the demo.

    Args:
        config: the user's configuration; the demo keeps its files apart from the user's.
        view: shows it.
    """

    def __init__(self, config: Config, view: View) -> None:
        self._config = config
        self._view = view

    def run(self, vllm: str | None = None, model: str | None = None) -> int:
        """Run it once.

        Args:
            vllm: the vllm executable to use; None takes the stand-in.
            model: the model for it.

        Returns:
            The exit code of the run.

        Raises:
            VmonError: there is no server to run.
        """
        port = _free_port()
        command = _real(vllm, model or "", port) if vllm else _standin(port)
        with tempfile.TemporaryDirectory(prefix="vmon-demo-") as folder:
            config = attrs.evolve(self._config, monitor=attrs.evolve(self._config.monitor, data_dir=Path(folder)))
            runner = Runner(config, _Staging(self._view, port), name="demo", adopt=False)
            return runner.run(command)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _standin(port: int) -> tuple[str, ...]:
    name = "vmon-standin"
    program = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if program is None:
        msg = "the demo needs vmon-testkit: pip install vmon-testkit, or give --real VLLM --model PATH"
        raise VmonError(msg)
    return (program, "serve", MODEL, "--port", str(port), "--startup-seconds", "4")


def _real(vllm: str, model: str, port: int) -> tuple[str, ...]:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return (vllm, "serve", model, "--served-model-name", MODEL, "--port", str(port), "--enforce-eager")


class _Staging:
    """A view that also directs the play: it stops and continues the engine, and in the end the server."""

    def __init__(self, view: View, port: int) -> None:
        self.pace = view.pace
        self._view = view
        self._port = port
        self._monitor: VLLMMonitor | None = None
        self._over = threading.Event()

    def attach(self, monitor: VLLMMonitor, feedback: Feedback) -> None:
        """Begin to show, and to play."""
        monitor.tracker.register_guardrail(HANG_GUARDRAIL)
        self._monitor = monitor
        self._view.attach(monitor, feedback)
        threading.Thread(target=self._play, name="demo", daemon=True).start()

    def refresh(self) -> None:
        """Show the present."""
        self._view.refresh()

    def close(self) -> None:
        """Show the end."""
        self._over.set()
        self._view.close()

    def _play(self) -> None:
        if not self._wait(lambda m: m.tracker.state.stage is Stage.RUNNING, START_SECONDS):
            return
        for _ in range(CLIENTS):
            threading.Thread(target=self._send_requests, daemon=True).start()
        self._wait(lambda m: m.tracker.state is LifecycleState.SERVING, START_SECONDS)
        self._over.wait(SERVE_SECONDS)
        self._signal_engine(signal.SIGSTOP)
        self._over.wait(HANG_SECONDS)
        self._signal_engine(signal.SIGCONT)
        self._wait(lambda m: m.tracker.state is LifecycleState.SERVING, HANG_SECONDS)
        self._over.wait(RECOVER_SECONDS)
        os.kill(os.getpid(), signal.SIGINT)  # as a person would press Ctrl-C

    def _wait(self, reached: Callable[[VLLMMonitor], bool], timeout: float) -> bool:
        end = time.monotonic() + timeout
        while self._monitor is not None and time.monotonic() < end and not self._over.wait(LOOK_SECONDS):
            if reached(self._monitor):
                return True
        return False

    def _signal_engine(self, signum: int) -> None:
        facts = self._monitor.tracker.facts if self._monitor is not None else None
        for process in facts.alive(Role.ENGINE_CORE) if facts is not None else ():
            os.kill(process.pid, signum)

    def _send_requests(self) -> None:
        """Keep one request in flight until the server stops."""
        body = json.dumps({"model": MODEL, "prompt": "hello", "max_tokens": 60}).encode()
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=HANG_SECONDS * 3)
            try:
                connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                self._over.wait(LOOK_SECONDS)
            finally:
                connection.close()
