"""Run one server under a monitor: launch or adopt, follow, stop, verify."""

from __future__ import annotations

import os
import signal
import statistics
import time
import uuid
from typing import TYPE_CHECKING, Protocol

from vmon_core.checking import foretell
from vmon_core.device_memory import DeviceMemory, numbers_agree, without_living
from vmon_core.errors import VmonError
from vmon_core.evidence import ActionTaken
from vmon_core.feedback import CallbackHandler, Feedback
from vmon_core.host.looking import DeviceLook
from vmon_core.journal import Journal
from vmon_core.lifecycle.states import LifecycleState, Stage
from vmon_core.monitor import VLLMMonitor, make_host
from vmon_core.monitor_methods import control_of
from vmon_core.plugin import LaunchRequest
from vmon_core.records import Severity, Target
from vmon_core.redaction import redact_command
from vmon_core.supervisor import Supervisor

if TYPE_CHECKING:
    from types import FrameType

    from vmon_core.config import Config
    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.plugin import Server
    from vmon_core.records import CompatibilityCheck

LOOK_SECONDS = 0.2
"""How often the server's end, and an overdue stop, are looked for, in seconds."""

EXIT_CODES = {
    LifecycleState.STOPPED: 0,
    LifecycleState.FAILED_TO_START: 3,
    LifecycleState.CRASHED: 4,
    LifecycleState.KILLED: 5,
    LifecycleState.LEFTOVERS: 6,
}
"""What the exit code of `vmon run` says; 1 and 2 are mistakes in the use of vmon itself."""


class View(Protocol):
    """Shows a monitor at work.

    Attributes:
        pace: seconds between two refreshes.
    """

    pace: float

    def attach(self, monitor: VLLMMonitor, feedback: Feedback) -> None:
        """Begin to show `monitor`; called once, before it starts."""

    def refresh(self) -> None:
        """Show the present; called several times a second."""

    def close(self) -> None:
        """Show the end."""


class Runner:
    """Runs one server from launch to verified clean-up.

    Args:
        config: how.
        view: shows it.
        name: the deployment's name; "" takes one from the command.
        adopt: go on with a server that an earlier vmon launched with the same command.
        check: predict first whether a launch can work; None as configured.
    """

    def __init__(
        self, config: Config, view: View, *, name: str = "", adopt: bool = True, check: bool | None = None
    ) -> None:
        self._config = config
        self._view = view
        self._name = name
        self._adopt = adopt
        self._check = config.check.before_launch if check is None else check
        self._checks: tuple[CompatibilityCheck, ...] = ()
        self._feedback = Feedback.from_config(config)
        self._journal = Journal.from_config(config, self._feedback.say)
        self._feedback.add(CallbackHandler(self._journal.add_message))

    def run(self, command: tuple[str, ...]) -> int:
        """Run `command` to its end.

        Returns:
            The exit code for the shell; see `EXIT_CODES`.

        Raises:
            VmonError: nothing could be started.
        """
        host = make_host(self._config, self._feedback)
        server, launched = self._obtain(host, command)
        monitor = VLLMMonitor(
            server.target,
            host=host,
            config=self._config,
            feedback=self._feedback,
            recorders=[self._journal],
        )
        monitor.tracker.checkpoints.describe(checks=self._checks)
        self._journal.open_launch(server.target)
        monitor.expected_phases = self._expected(server.target)
        self._view.attach(monitor, self._feedback)
        try:
            return self._follow(server, monitor, launched)
        finally:
            self._view.close()
            self._feedback.close()
            self._journal.close()

    # --- begin ---

    def _obtain(self, host: PluginHost, command: tuple[str, ...]) -> tuple[Server, bool]:
        """Adopt a server that already runs, or launch one; says which of the two it was."""
        adopted = self._adopted(host, command) if self._adopt else None
        if adopted is not None:
            return adopted, False
        folder = self._config.data_dir / "launches" / uuid.uuid4().hex[:12]
        folder.mkdir(parents=True)
        request = LaunchRequest(
            command=command,
            environment=dict(os.environ),
            directory=folder,
            name=self._name,
            network=self._config.check.network,
            patience=self._config.check.deadline,
        )
        if self._check:
            self._checks = foretell(host, request, self._config.check, self._feedback.say).checks
        server = host.hooks.launch(request)
        if server is None:
            msg = f"no plugin can start {command[0]!r}: is vmon-plugin-vllm installed? See `vmon plugins`"
            raise VmonError(msg)
        return server, True

    def _adopted(self, host: PluginHost, command: tuple[str, ...]) -> Server | None:
        for target in self._journal.live_launches():
            if target.command != redact_command(command) or (self._name and target.name != self._name):
                continue
            server = host.hooks.adopt(target)
            if server is not None:
                text = f"adopted {target.name} (pid {target.pid}), launched by an earlier vmon"
                self._feedback.say(Severity.INFO, "run", text, target=target.name)
                return server
            self._journal.close_launch(target, time.time())
        return None

    # --- follow ---

    def _follow(self, server: Server, monitor: VLLMMonitor, launched: bool) -> int:  # noqa: FBT001 (private)
        supervisor = Supervisor(
            server,
            monitor.observe,
            self._config.stop,
            drain=lambda: min(monitor.tracker.facts.ending.drain_timeout or 0.0, self._config.stop.drain_at_most),
            gpu_memory=self._gpu_memory(monitor).left,
        )
        if launched:
            began = server.target.started or time.time()
            summary = f"vmon started it as pid {server.target.pid}"
            monitor.observe(ActionTaken(time=began, action="launch", actor="vmon", summary=summary))
        else:
            self._remember(monitor, server.target)
        with _Signals(supervisor), monitor, control_of(monitor):
            self._until_end(server, monitor, supervisor)
            self._end(server, monitor, supervisor)
        return EXIT_CODES.get(monitor.tracker.state, 1)

    def _gpu_memory(self, monitor: VLLMMonitor) -> DeviceMemory:
        """Watches the GPU memory of all processes that the server had in its life."""

        def pids() -> frozenset[int] | None:
            own = {pid for pid in (monitor.target.pid, *monitor.tracker.facts.processes) if pid is not None}
            label_sets = monitor.pipeline.window.label_sets("gpu.process.memory")
            seen = {int(dict(labels).get("pid", 0)) for labels in label_sets}
            return without_living(own) if numbers_agree(own, seen) else None

        hooks = monitor.plugin_manager.hooks
        return DeviceMemory(lambda: DeviceLook(hooks.inventory), pids, self._config.stop.gpu_memory_after)

    def _remember(self, monitor: VLLMMonitor, target: Target) -> None:
        """Give a monitor that adopts a server what an earlier one had learned."""
        for frame in self._journal.frames(target.name, since=target.started):
            monitor.tracker.observe(frame.evidence, frame.time)
        monitor.observe(ActionTaken(time=time.time(), action="adopt", actor="vmon", summary="adopted by a new vmon"))

    def _until_end(self, server: Server, monitor: VLLMMonitor, supervisor: Supervisor) -> None:
        exited = server.wait(LOOK_SECONDS)
        while exited is None and server.alive():
            supervisor.escalate()
            self._view.refresh()
            exited = server.wait(LOOK_SECONDS)
        if exited is not None:
            monitor.observe(exited)

    def _end(self, server: Server, monitor: VLLMMonitor, supervisor: Supervisor) -> None:
        def wait(seconds: float) -> None:
            self._view.refresh()
            time.sleep(seconds)

        supervisor.clean_up(wait=wait)
        deadline = time.monotonic() + self._config.stop.leftovers_after
        while monitor.tracker.state.stage is not Stage.ENDED and time.monotonic() < deadline:
            wait(LOOK_SECONDS)
        self._journal.close_launch(server.target, time.time())
        self._learn(server.target, monitor)

    # --- how long starts take on this machine ---

    def _expected(self, target: Target) -> dict[LifecycleState, float]:
        """The median of each phase over the last starts of the same command."""
        history = self._journal.startup_history(_startup_key(target))
        states = {state for phases in history for state in phases}
        return {s: statistics.median(phases[s] for phases in history if s in phases) for s in states}

    def _learn(self, target: Target, monitor: VLLMMonitor) -> None:
        """Remember the phases of a start that was completed."""
        if monitor.tracker.facts.startup.ready_at is not None:
            phases = {phase.state: phase.seconds for phase in monitor.tracker.phases()}
            self._journal.add_startup(_startup_key(target), phases)


def _startup_key(target: Target) -> str:
    """What makes two starts comparable: the command, but for the port."""
    words = target.command
    return " ".join(w for w, before in zip(words, ("", *words), strict=False) if "--port" not in (w, before))


class _Signals:
    """While it is entered, SIGINT and SIGTERM stop the server instead of vmon."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        for signum in (signal.SIGINT, signal.SIGTERM):
            self._before[signum] = signal.signal(signum, self._stop)

    def __exit__(self, *_error: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]  # just what signal.signal gave

    def _stop(self, signum: int, _frame: FrameType | None) -> None:
        self._supervisor.ask_to_stop(signum)
