"""The facade: one object that watches one deployment with all its plugins."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from vmon_core.config import Config
from vmon_core.cost import CostPlugin
from vmon_core.diagnosing import ReadyDiagnosis, diagnose
from vmon_core.errors import VmonError
from vmon_core.feedback import Feedback
from vmon_core.host.carrier import Carrier
from vmon_core.host.documents import MemoryDocuments
from vmon_core.host.loading import demand
from vmon_core.host.looking import DeviceLook
from vmon_core.host.plugin_host import PluginHost
from vmon_core.host.reload.reloader import Reloader
from vmon_core.host.reload.swap import Surroundings
from vmon_core.host.reload.watch import FolderWatch
from vmon_core.host.scheduler import Scheduler
from vmon_core.host_api import HostApi
from vmon_core.lifecycle.capture.arguments import parse_command
from vmon_core.lifecycle.capture.environment import of_process
from vmon_core.lifecycle.tracker import LifecycleTracker
from vmon_core.notify import NotifyPlugin
from vmon_core.pipeline.gate import Gate
from vmon_core.pipeline.loop import Loop
from vmon_core.pipeline.memory import MemoryRecorder
from vmon_core.pipeline.pipeline import Pipeline
from vmon_core.pipeline.recorder import Recorders
from vmon_core.records import GuardrailPolicy, Severity, Target
from vmon_core.report import LifecycleReport, make_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from vmon_core.devices import Inventory
    from vmon_core.evidence import Evidence
    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.lifecycle.states import LifecycleState, StateTransition
    from vmon_core.pipeline.recorder import Recorder
    from vmon_core.records import Checkpoint, CompatibilityCheck

_T = TypeVar("_T")

LOCAL_TARGET = Target(name="vllm")
"""The deployment that a monitor watches when none is named: whatever its caller reports."""


def make_host(config: Config, feedback: Feedback | None = None, *, lenient: bool = False) -> PluginHost:
    """Load every installed plugin that nothing speaks against, and the built-in ones.

    Args:
        config: says which plugins are wanted, and holds each plugin's table.
        feedback: is told of plugins that fail.
        lenient: go on without a plugin that the configuration requires: nothing is going to be protected.

    Returns:
        The host; what could not be loaded, and why, is in its report.

    Raises:
        PluginError: a plugin that the configuration requires could not be loaded; safe mode requires none.
    """
    told = feedback or Feedback()
    host = PluginHost(told.say, config.plugins)
    host.register(NotifyPlugin(told))
    host.register(CostPlugin(host))
    report = host.load()
    if not (lenient or config.plugins.safe_mode):
        demand(report, config.plugins.required)
    return host


class VLLMMonitor:
    """Watches one deployment: collects, judges, and acts as far as its gate allows.

    It can be used as a context manager; inside it runs. Without being started it still tracks what its caller reports.

    Args:
        target: whom to watch.
        host: the plugins.
        config: how to do it; None takes the defaults.
        feedback: tells people what happens.
        recorders: are told everything, such as the journal.
        clock: tells the time in Unix seconds.

    Attributes:
        reloader: changes single plugins while it runs.
        expected_phases: seconds that each phase of the start took before, where that is known.
    """

    def __init__(  # noqa: PLR0913 (all but the target have defaults and are named)
        self,
        target: Target | None = None,
        *,
        host: PluginHost | None = None,
        config: Config | None = None,
        feedback: Feedback | None = None,
        recorders: Iterable[Recorder] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.target = target or LOCAL_TARGET
        self.config = config or Config()
        self.feedback = feedback or Feedback()
        self.plugin_manager = host or PluginHost(self.feedback.say)
        self.tracker = LifecycleTracker(self.target, clock=clock)
        self.tracker.checkpoints.plugins = self._plugin_versions
        self._memory = MemoryRecorder()
        self._recorders = Recorders([self._memory, *recorders])
        self._clock = clock
        gate = Gate(self.config.gate.mode, self.config.gate.kinds, self.config.gate.kill_switch)
        self.pipeline = Pipeline(self.tracker, self.plugin_manager.hooks, self._recorders, self.feedback, gate)
        self.loop = Loop(self.pipeline, self.config.monitor.interval, clock=clock)
        self.plugin_manager.dropped = lambda: self.loop.dropped
        around = Surroundings(
            between_ticks=self.between_ticks,
            scheduler=lambda: self.loop.scheduler,
            say=self.feedback.say,
        )
        self.reloader = Reloader(self.plugin_manager, self.config.plugins, around)
        folders = () if self.config.plugins.safe_mode else self.config.plugins.folders
        self._folders = FolderWatch(self.reloader, folders, self.feedback.say)
        self.expected_phases: Mapping[LifecycleState, float] = {}
        self._carrier: Carrier | None = None
        self.plugin_manager.code.documents = lambda owner: self._recorders.documents(owner) or MemoryDocuments()
        for policy in self.config.policies:
            self.tracker.register_guardrail(policy)

    # --- running ---

    def start(self) -> None:
        """Start the plugins and watch in the background until `stop`."""
        if self._carrier is not None:
            return
        self._describe()
        self.plugin_manager.start(self._host_api)
        DeviceLook(self.plugin_manager.hooks.inventory, self._describe_devices)
        self.add_recorder(ReadyDiagnosis(self._diagnose, self._note_diagnosis))
        self._resume_code_plugins()
        self.loop.scheduler = Scheduler(
            self.plugin_manager.collectors,
            lambda: self.loop.tick(self.target),
            self.loop.put,
            self.feedback.say,
            clock=self._clock,
        )
        self._carrier = Carrier(self.loop.turn, self.plugin_manager.dispatcher, say=self.feedback.say)
        self._carrier.start()
        self.loop.scheduler.start()
        self._folders.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop watching; the deployment itself is left alone.

        Args:
            timeout: seconds to wait for plugins that are at work.
        """
        if self._carrier is None:
            return
        self._folders.stop(timeout)
        if self.loop.scheduler is not None:
            self.loop.scheduler.stop(timeout)
        self._carrier.stop(timeout)
        self._carrier = None
        self.plugin_manager.stop()  # when nothing calls them any more; what they still hand in is taken in below
        self.loop.drain()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _resume_code_plugins(self) -> None:
        """Have those run again that the journal keeps; without them the monitor works all the same."""
        try:
            self.plugin_manager.code.open()
        except VmonError as error:
            self.feedback.say(Severity.ERROR, "plugins", f"code plugins are not run: {error}", target=self.target.name)

    def _describe(self) -> None:
        arguments = parse_command(self.target.command) if self.target.command else None
        environment = of_process(self.target.pid) if self.target.pid is not None else dict(os.environ)
        self.tracker.checkpoints.describe(arguments=arguments, environment=environment)

    def _describe_devices(self, found: Inventory) -> None:
        if found.devices:
            self.tracker.checkpoints.describe(hardware={"devices": [d.identity() for d in found.devices]})

    def _diagnose(self) -> list[CompatibilityCheck]:
        arguments = parse_command(self.target.command) if self.target.command else {}
        reported = self.tracker.facts.reported
        return diagnose(self.plugin_manager.hooks, self.target, {**arguments, **reported}, reported)

    def _note_diagnosis(self, found: list[CompatibilityCheck]) -> None:
        """Keep it for later checkpoints, and make one now: a server that is well may make no transition for days."""
        self.tracker.checkpoints.describe(checks=found)
        if self._carrier is not None:
            with suppress(VmonError):  # the pipeline is held up: the next transition's checkpoint holds it
                self.between_ticks(lambda: self._recorders.add_checkpoint(self.pipeline.checkpoint(self._clock())))

    def _plugin_versions(self) -> dict[str, str]:
        return {f"plugin {p.info.name}": f"{p.info.version} from {p.origin}" for p in self.plugin_manager.plugins}

    def _host_api(self, plugin: LoadedPlugin) -> HostApi:
        return HostApi(self, plugin)

    # --- what callers report, and ask ---

    def add_recorder(self, recorder: Recorder) -> None:
        """Tell one more recorder everything from now on."""
        self._recorders.add(recorder)

    def observe(self, *evidence: Evidence) -> None:
        """Hand in evidence; the pipeline takes it in at once when the monitor does not run, soon when it does."""
        self.loop.emit(evidence)
        if self._carrier is None:
            self.loop.drain()

    def between_ticks(self, job: Callable[[], _T]) -> _T:
        """Have something quick done between two turns of the pipeline, when none of its hooks runs.

        Args:
            job: what to do; at once when the monitor does not run.

        Returns:
            What `job` returns. What it raises is raised here.

        Raises:
            VmonError: the pipeline is held up, so that the job was not begun.
        """
        return job() if self._carrier is None else self.loop.between_ticks(job)

    def track_lifecycle_state(
        self, state: LifecycleState, transition: StateTransition, details: Mapping[str, Any] | None = None
    ) -> Checkpoint:
        """Note a state that the caller knows.

        Args:
            state: the state.
            transition: why.
            details: plain values about the server, such as its model; they are kept in the checkpoints.

        Returns:
            The checkpoint of that moment.
        """
        change = self.tracker.track_state(state, transition, details)
        return self.pipeline.note(change)

    def register_guardrail(
        self,
        name: str,
        condition: Callable[[Checkpoint], object],
        intervention: str,
        **options: Any,  # noqa: ANN401 (the other fields of GuardrailPolicy, each with its own type)
    ) -> GuardrailPolicy:
        """Add a guardrail; one of the same name is replaced.

        Args:
            name: unique.
            condition: called with a checkpoint; true proposes the intervention.
            intervention: the kind of action to propose.
            options: any other field of `GuardrailPolicy`, such as `hold_for` in seconds.

        Returns:
            The policy.
        """
        policy = GuardrailPolicy(name=name, condition=condition, intervention=intervention, **options)
        self.tracker.register_guardrail(policy)
        return policy

    def register_plugin(self, plugin: object, name: str = "") -> None:
        """Add a plugin object of this process; `name` overrides the one that it gives itself."""
        self.plugin_manager.register(plugin, name)

    def list_plugins(self) -> list[dict[str, Any]]:
        """Describe the loaded plugins: name, version, summary, where each came from and how it fares."""
        return [p.describe() for p in self.plugin_manager.plugins]

    def get_lifecycle_report(self) -> LifecycleReport:
        """Report the deployment's life so far."""
        checkpoint = self.pipeline.checkpoint(self._clock())
        return make_report(
            self.tracker, findings=self._memory.findings, actions=self._memory.actions, checkpoint=checkpoint
        )


def create_monitor_with_plugins(target: Target | None = None, config: Config | None = None) -> VLLMMonitor:
    """Make a monitor with every installed plugin.

    Args:
        target: whom to watch; None for what the caller reports itself.
        config: how; None reads the configuration file that is found, or takes the defaults.

    Returns:
        The monitor, not yet started.
    """
    from vmon_core.config import load_config  # noqa: PLC0415 (the file is read only when none is given)

    settings = config or load_config(None)
    feedback = Feedback()
    return VLLMMonitor(target, host=make_host(settings, feedback), config=settings, feedback=feedback)


def setup_lifecycle_tracking(target: Target | None = None) -> LifecycleTracker:
    """Make a tracker to be used by itself, without plugins."""
    return LifecycleTracker(target)


def setup_plugin_system(config: Config | None = None) -> PluginHost:
    """Load the installed plugins, without watching anything."""
    return make_host(config or Config())
