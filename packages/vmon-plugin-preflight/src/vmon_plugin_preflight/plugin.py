"""The hooks of the preflight plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import Capability, PluginInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.devices import Device
    from vmon_core.plugin import LaunchRequest
    from vmon_core.records import CompatibilityCheck


class PreflightPlugin:
    """Predicts whether a launch can work, before it is tried."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="preflight",
            version=metadata.version("vmon-plugin-preflight"),
            summary="Predicts whether a launch can work, before it is tried",
            provides=(Capability("launch.checks"),),
        )

    @hookimpl
    def vmon_check(self, launch: LaunchRequest, devices: tuple[Device, ...]) -> Iterable[CompatibilityCheck]:
        """Run all rules."""
        from vmon_plugin_preflight.prediction import predict  # noqa: PLC0415 (only a launch needs it)

        return predict(launch, devices)

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Explain one of our codes."""
        from vmon_plugin_preflight.catalogue import explanations  # noqa: PLC0415 (only `--explain` needs it)

        return explanations().get(code)


plugin = PreflightPlugin()
"""What the entry point names."""
