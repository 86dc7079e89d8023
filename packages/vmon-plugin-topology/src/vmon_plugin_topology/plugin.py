"""The hooks of the topology plugin."""

from __future__ import annotations

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl


class TopologyPlugin:
    """Reads how processors, GPUs and network cards are connected."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="topology",
            version=metadata.version("vmon-plugin-topology"),
            summary="Reads how processors, GPUs and network cards are connected",
        )


plugin = TopologyPlugin()
