"""The hooks of the preflight plugin."""

from __future__ import annotations

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl


class PreflightPlugin:
    """Predicts whether a launch can work, before it is tried."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="preflight",
            version=metadata.version("vmon-plugin-preflight"),
            summary="Predicts whether a launch can work, before it is tried",
        )


plugin = PreflightPlugin()
