"""The second plugin of this package: it concludes and explains, in vmon's own process, and never calls the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.pipeline.window import Window
    from vmon_core.records import Finding

KIND = "nvidia"


class NvidiaHealthPlugin:
    """Makes findings of what the nvidia plugin tells.

    That plugin lives in a child process. To send it the window for each analysis would cost more than the analysis, and
    when its driver hangs, somebody has to say so.
    """

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="nvidia-health",
            version=metadata.version("vmon-plugin-nvidia"),
            summary="Says what is wrong with NVIDIA GPUs, and explains Xids",
        )

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Say what is wrong now."""
        from vmon_core.device_health import device_findings  # noqa: PLC0415 (only a running monitor needs it)

        return device_findings(window, KIND)

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Explain an Xid, as `xid.79` or `gpu.xid`."""
        from vmon_plugin_nvidia.explaining import explain  # noqa: PLC0415 (rarely asked)

        return explain(code)


plugin = NvidiaHealthPlugin()
"""What the entry point names."""
