"""The hooks, in the order in which the pipeline calls them.

Each implementation is called alone: when one fails, the others still run. Arguments are plain and positional; an
implementation names only those that it needs. Specifications grow by new arguments only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.plugin import hookspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

    import click

    from vmon_core.devices import Device
    from vmon_core.dynamic import CodePlugins, Documents
    from vmon_core.evidence import Evidence
    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host, LaunchRequest, PluginInfo, Server
    from vmon_core.records import (
        Action,
        Change,
        Checkpoint,
        CompatibilityCheck,
        Finding,
        Frame,
        Outcome,
        Sample,
        Target,
        Tick,
        Verdict,
    )


class PluginSpecs:
    """Who the plugin is, and its own beginning and end."""

    @hookspec
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who you are; called once, when the plugin is loaded.

        >>> @hookimpl
        ... def vmon_plugin_info():
        ...     return PluginInfo(name="example", version="1.0", summary="shows how it is done")
        """

    @hookspec
    def vmon_start(self, host: Host) -> None:
        """Begin your work; keep `host` to push evidence from threads of your own.

        >>> @hookimpl
        ... def vmon_start(host):
        ...     host.say(Severity.INFO, "ready", watched=len(host.targets))
        """

    @hookspec
    def vmon_stop(self) -> None:
        """End your work and give back what you hold; called in reverse order, each one even when another failed.

        >>> @hookimpl
        ... def vmon_stop():
        ...     pass
        """

    @hookspec
    def vmon_facts(self) -> Mapping[str, str]:
        """Tell what you know of this machine, each fact as a version; asked before plugins that need facts are chosen.

        >>> @hookimpl
        ... def vmon_facts():
        ...     return {"gpu.count": "8", "gpu.compute-capability": "9.0"}
        """

    @hookspec
    def vmon_state(self) -> Mapping[str, Any] | None:
        """Hand over what your next version should know, as plain data; called when you are about to be replaced.

        >>> @hookimpl
        ... def vmon_state():
        ...     return {"seen": 42}
        """

    @hookspec
    def vmon_restore(self, state: Mapping[str, Any]) -> None:
        """Take over what your previous version handed over; called before `vmon_start`.

        >>> @hookimpl
        ... def vmon_restore(state):
        ...     print("seen so far:", state.get("seen", 0))
        """

    @hookspec(firstresult=True)
    def vmon_code_plugins(self, documents: Documents, config: Any) -> CodePlugins | None:  # noqa: ANN401 (each plugin has its own class)
        """Offer to run plugins that come as code strings; asked once, when somebody needs them or the monitor starts.

        `documents` keeps them from one start to the next; `config` is your own configuration object.

        >>> @hookimpl
        ... def vmon_code_plugins(documents):
        ...     return None
        """

    @hookspec
    def vmon_commands(self, cli: click.Group) -> None:
        """Add commands to the `vmon` command line.

        >>> @hookimpl
        ... def vmon_commands(cli):
        ...     @cli.command()
        ...     def hello():
        ...         click.echo("hello")
        """


class CollectSpecs:
    """Where data comes from."""

    @hookspec
    def vmon_targets(self) -> Iterable[Target]:
        """Find deployments on this machine.

        >>> @hookimpl
        ... def vmon_targets():
        ...     return [Target(name="local", url="http://127.0.0.1:8000")]
        """

    @hookspec(firstresult=True)
    def vmon_launch(self, request: LaunchRequest) -> Server | None:
        """Start the server that `request` describes, or return None when its command is not yours.

        >>> @hookimpl
        ... def vmon_launch(request):
        ...     return None
        """

    @hookspec(firstresult=True)
    def vmon_adopt(self, target: Target) -> Server | None:
        """Take over a server that an earlier vmon launched, or return None when it is not provably the same process.

        >>> @hookimpl
        ... def vmon_adopt(target):
        ...     return None
        """

    @hookspec
    def vmon_devices(self) -> Iterable[Device]:
        """Tell the accelerators of this machine as they are now; called rarely, and by several commands.

        >>> @hookimpl
        ... def vmon_devices():
        ...     return [Device(kind="example", index=0, memory_bytes=80 << 30, memory_free_bytes=79 << 30)]
        """

    @hookspec
    def vmon_check(self, launch: LaunchRequest, devices: tuple[Device, ...]) -> Iterable[CompatibilityCheck]:
        """Predict whether a launch can work, within a second; nothing is loaded, started or written.

        >>> @hookimpl
        ... def vmon_check(launch, devices):
        ...     if not devices:
        ...         yield CompatibilityCheck(
        ...             code="example.devices", verdict=CheckVerdict.NOT_EVALUATED, summary="nobody tells the devices"
        ...         )
        """

    @hookspec(firstresult=True)
    def vmon_explain(self, code: str) -> str | None:
        """Explain a code of yours, of a check, a finding or a failure, or return None when it is not yours.

        >>> @hookimpl
        ... def vmon_explain(code):
        ...     return "There must be a device for each rank." if code == "example.devices" else None
        """

    @hookspec
    def vmon_diagnose(self, target: Target, devices: tuple[Device, ...]) -> Iterable[CompatibilityCheck]:
        """Say what vmon can and cannot see of a deployment: versions, metrics, messages, endpoints, features.

        `target` may have no URL and no process; what is asked of it has to be answered within two seconds.
        `devices` are the accelerators of this machine, with the processes on them.

        >>> @hookimpl
        ... def vmon_diagnose(target, devices):
        ...     yield CompatibilityCheck(code="example.version", verdict=CheckVerdict.OK, summary="version 1 is known")
        """

    @hookspec
    def vmon_collect(self, tick: Tick) -> Iterable[Sample | Evidence]:
        """Look at the target once; runs in a thread (or on an event loop when it is `async def`), on its own schedule.

        >>> @hookimpl
        ... @every("5s", timeout="2s")
        ... def vmon_collect(tick):
        ...     return [Sample("example.answer", 42.0, tick.time)]
        """

    @hookspec
    def vmon_recording(self, path: Path) -> Iterable[Frame] | None:
        """Open a recording for a replay, oldest frame first, or return None when you do not know its format.

        >>> @hookimpl
        ... def vmon_recording(path):
        ...     return [Frame(0.0)] if path.suffix == ".example" else None
        """


class JudgeSpecs:
    """What is made of the data."""

    @hookspec
    def vmon_lifecycle(self, change: Change) -> None:
        """Hear of a transition after it happened.

        >>> @hookimpl
        ... def vmon_lifecycle(change):
        ...     print(f"{change.origin} -> {change.state}: {change.reason}")
        """

    @hookspec
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Conclude something from the recent past; return what holds now, and nothing when all is well.

        >>> @hookimpl
        ... def vmon_analyze(window):
        ...     waiting = window.latest("vllm.requests.waiting")
        ...     if waiting is not None and waiting > 100:
        ...         yield Finding(
        ...             code="queue.long", severity=Severity.WARNING, summary=f"{waiting:.0f} wait", time=window.now
        ...         )
        """

    @hookspec
    def vmon_guardrail(self, checkpoint: Checkpoint) -> Iterable[Action]:
        """Propose actions; the gate decides on them.

        >>> @hookimpl
        ... def vmon_guardrail(checkpoint):
        ...     if "engine.unresponsive" in checkpoint.findings:
        ...         yield Action(
        ...             id="1",
        ...             kind="notify",
        ...             target=checkpoint.target,
        ...             reason="no answer",
        ...             policy="example",
        ...             time=checkpoint.time,
        ...         )
        """


class ActSpecs:
    """What is done about it."""

    @hookspec
    def vmon_review(self, action: Action, checkpoint: Checkpoint) -> Verdict | None:
        """Rule on a proposed action, or return None to abstain; everyone is asked, and a failure counts as a deny.

        >>> @hookimpl
        ... def vmon_review(action, checkpoint):
        ...     if checkpoint.state is LifecycleState.SERVING and action.kind == "restart":
        ...         return Verdict(ruling=Ruling.DENY, reason="it serves")
        """

    @hookspec
    def vmon_intervene(self, action: Action) -> Outcome:
        """Carry out an action of a kind that your `PluginInfo.actions` names; called on you alone.

        >>> @hookimpl
        ... def vmon_intervene(action):
        ...     return Outcome(action=action.id, status=OutcomeStatus.DONE, detail="rang the bell", time=action.time)
        """

    @hookspec
    def vmon_export(self, frame: Frame) -> None:
        """Take a copy of what came in, for another system; called from a bounded queue.

        >>> @hookimpl
        ... def vmon_export(frame):
        ...     print(len(frame.samples), "samples")
        """


SPECS: tuple[type, ...] = (PluginSpecs, CollectSpecs, JudgeSpecs, ActSpecs)
"""Every class that holds hook specifications."""
