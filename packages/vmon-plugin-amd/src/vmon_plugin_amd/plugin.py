"""The hooks of the amd plugin."""

from __future__ import annotations

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl


class AMDPlugin:
    """Reads AMD GPUs through AMD SMI."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="amd",
            version=metadata.version("vmon-plugin-amd"),
            summary="Reads AMD GPUs through AMD SMI",
        )


plugin = AMDPlugin()
