"""The second plugin of this package: it concludes, in vmon's own process, and never calls the driver."""

from __future__ import annotations

import importlib_metadata as metadata

from vmon_core.device_health.plugin import DeviceHealthPlugin
from vmon_core.plugin import PluginInfo, hookimpl


class AMDHealthPlugin(DeviceHealthPlugin):
    """Makes findings of what the amd plugin tells."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="amd-health",
            version=metadata.version("vmon-plugin-amd"),
            summary="Says what is wrong with AMD GPUs",
        )


plugin = AMDHealthPlugin("amd")
"""What the entry point names."""
