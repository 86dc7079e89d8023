"""The hooks of the vLLM plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import Capability, PluginInfo, every, hookimpl
from vmon_plugin_vllm.config import VllmConfig

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vmon_core.evidence import Evidence
    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host, LaunchRequest, Server
    from vmon_core.records import CompatibilityCheck, Finding, Frame, Sample, Target, Tick
    from vmon_plugin_vllm.attachment import Attachment


class VllmPlugin:
    """Launches, finds and watches vLLM servers; modules that only some commands need are imported when they are."""

    def __init__(self) -> None:
        self._attachments: dict[str, Attachment] = {}
        self._config = VllmConfig()

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="vllm",
            version=metadata.version("vmon-plugin-vllm"),
            summary="Launches, attaches to and reads vLLM servers",
            provides=(Capability("vllm.lifecycle"), Capability("vllm.metrics")),
            config=VllmConfig,
        )

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Attach to the targets."""
        from vmon_plugin_vllm.attachment import Attachment  # noqa: PLC0415 (only a running monitor needs it)

        self._config = host.config("vllm")
        for target in host.targets:
            attachment = Attachment(target, self._config, host.emit)
            attachment.start()
            self._attachments[target.name] = attachment

    @hookimpl
    def vmon_stop(self) -> None:
        """Let go of the targets."""
        while self._attachments:
            self._attachments.popitem()[1].close()

    @hookimpl
    @every("1s", timeout="10s")
    def vmon_collect(self, tick: Tick) -> Iterable[Evidence | Sample]:
        """Look at the target."""
        attachment = self._attachments.get(tick.target.name)
        return attachment.look(tick) if attachment is not None else ()

    @hookimpl
    def vmon_targets(self) -> Iterable[Target]:
        """Find servers on this machine."""
        from vmon_plugin_vllm.process.discover import discover  # noqa: PLC0415

        return discover()

    @hookimpl
    def vmon_launch(self, request: LaunchRequest) -> Server | None:
        """Start a server; any command is taken, since what a script starts cannot be known."""
        from vmon_plugin_vllm.process.launch import launch  # noqa: PLC0415

        return launch(request)

    @hookimpl
    def vmon_adopt(self, target: Target) -> Server | None:
        """Take over a server of an earlier vmon."""
        from vmon_plugin_vllm.process.launch import adopt  # noqa: PLC0415

        return adopt(target)

    @hookimpl
    def vmon_diagnose(self, target: Target) -> Iterable[CompatibilityCheck]:
        """Say what can and cannot be seen of a server."""
        from vmon_plugin_vllm.diagnose.checks import diagnose  # noqa: PLC0415

        return diagnose(target, self._config)

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Say what the code of a failure stands for."""
        from vmon_plugin_vllm.log.failures import explain  # noqa: PLC0415

        return explain(code)

    @hookimpl
    def vmon_recording(self, path: Path) -> Iterable[Frame] | None:
        """Open a folder of recorded traces."""
        from vmon_plugin_vllm.recording import open_recording  # noqa: PLC0415

        return open_recording(path)

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Conclude what a server's life shows by itself."""
        from vmon_plugin_vllm.analyze import findings  # noqa: PLC0415

        return findings(window)


plugin = VllmPlugin()
"""What the entry point names."""
