"""The hooks of the sandbox plugin: one plugin that stands for all code plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import Capability, PluginInfo, every, hookimpl
from vmon_plugin_sandbox.config import SandboxConfig
from vmon_plugin_sandbox.voice import Voice

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from vmon_core.dynamic import Documents
    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host
    from vmon_core.records import Action, Change, Checkpoint, Finding, Frame, Sample
    from vmon_plugin_sandbox.desk import Desk


class SandboxPlugin:
    """Runs code plugins; it does nothing and starts nothing until there is one."""

    def __init__(self) -> None:
        self._desk: Desk | None = None
        self._voice = Voice()

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="sandbox",
            version=metadata.version("vmon-plugin-sandbox"),
            summary="Runs plugins that come as code strings, in confined workers",
            provides=(Capability("code.plugins"),),
            config=SandboxConfig,
        )

    @hookimpl
    def vmon_code_plugins(self, documents: Documents, config: SandboxConfig) -> Desk:
        """Take up those that are kept, and offer to make more."""
        from vmon_plugin_sandbox.desk import Desk  # noqa: PLC0415 (only a monitor needs it, not each command)

        if self._desk is not None:  # of another monitor of this process, which has ended
            self._desk.close()
        self._desk = Desk(documents, config, self._voice)
        return self._desk

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Have somebody to tell."""
        self._voice.attach(host)

    @hookimpl
    def vmon_stop(self) -> None:
        """End the workers."""
        if self._desk is not None:
            self._desk.close()

    @hookimpl
    @every("1s", timeout="10s")
    def vmon_collect(self) -> Iterable[Sample]:
        """Run what is due: in this thread and those of the workers, never in the pipeline's."""
        return self._desk.sweep() if self._desk is not None else ()

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Hand over what analyzers found last."""
        if self._desk is None:
            return ()
        self._desk.delivery.look_back(window)
        return self._desk.delivery.findings(window.now)

    @hookimpl
    def vmon_guardrail(self, checkpoint: Checkpoint) -> Iterable[Action]:
        """Hand over what guardrails propose, and take the moment that they look at next."""
        if self._desk is None:
            return ()
        self._desk.delivery.see(checkpoint)
        return self._desk.delivery.proposals(checkpoint)

    @hookimpl
    def vmon_lifecycle(self, change: Change) -> None:
        """Pass a transition on."""
        if self._desk is not None:
            self._desk.delivery.hear(change)

    @hookimpl
    def vmon_export(self, frame: Frame) -> None:
        """Pass a frame on."""
        if self._desk is not None:
            self._desk.delivery.export(frame)

    @hookimpl
    def vmon_commands(self, cli: click.Group) -> None:
        """Add `vmon sandbox`."""
        from vmon_plugin_sandbox.commands import group  # noqa: PLC0415 (only for these commands)

        cli.add_command(group)


plugin = SandboxPlugin()
"""What the entry point names."""
