"""The second plugin of this package: it concludes and explains, in vmon's own process, and never calls the driver."""

from __future__ import annotations

import importlib_metadata as metadata

from vmon_core.device_health.plugin import DeviceHealthPlugin
from vmon_core.plugin import PluginInfo, hookimpl


class NvidiaHealthPlugin(DeviceHealthPlugin):
    """Makes findings of what the nvidia plugin tells, and explains Xids."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="nvidia-health",
            version=metadata.version("vmon-plugin-nvidia"),
            summary="Says what is wrong with NVIDIA GPUs, and explains Xids",
        )

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Explain a finding such as `gpu.lost`, or an Xid such as `xid.79`."""
        from vmon_plugin_nvidia.explaining import explain  # noqa: PLC0415 (rarely asked)

        return super().vmon_explain(code) or explain(code)


plugin = NvidiaHealthPlugin("nvidia")
"""What the entry point names."""
