"""The second plugin of this package: it concludes, in vmon's own process, and never calls the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl
from vmon_plugin_amd.metrics import KIND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.pipeline.window import Window
    from vmon_core.records import Finding


class AMDHealthPlugin:
    """Makes findings of what the amd plugin tells.

    That plugin lives in a child process, to which sending the window would cost more than the analysis; and when its
    driver hangs, somebody has to say so.
    """

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="amd-health",
            version=metadata.version("vmon-plugin-amd"),
            summary="Says what is wrong with AMD GPUs",
        )

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Say what is wrong now."""
        from vmon_core.device_health import device_findings  # noqa: PLC0415 (only a running monitor needs it)

        return device_findings(window, KIND)


plugin = AMDHealthPlugin()
"""What the entry point names."""
