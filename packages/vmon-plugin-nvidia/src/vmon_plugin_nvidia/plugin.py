"""The hooks of the nvidia plugin."""

from __future__ import annotations

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl


class NVIDIAPlugin:
    """Reads NVIDIA GPUs through NVML."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="nvidia",
            version=metadata.version("vmon-plugin-nvidia"),
            summary="Reads NVIDIA GPUs through NVML",
        )


plugin = NVIDIAPlugin()
