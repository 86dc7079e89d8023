"""The second plugin of this package: it concludes, in vmon's own process, and never calls the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl
from vmon_plugin_amd.metrics import KIND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.device_health import SilenceWatch
    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host
    from vmon_core.records import Finding


class AMDHealthPlugin:
    """Makes findings of what the amd plugin tells.

    That plugin lives in a child process, to which sending the window would cost more than the analysis; and when its
    driver hangs, somebody has to say so.
    """

    def __init__(self) -> None:
        self._host: Host | None = None
        self._silence: SilenceWatch | None = None

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="amd-health",
            version=metadata.version("vmon-plugin-amd"),
            summary="Says what is wrong with AMD GPUs",
        )

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Begin to listen for silence."""
        from vmon_core.device_health import SilenceWatch  # noqa: PLC0415 (only a running monitor needs it)

        self._host, self._silence = host, SilenceWatch(KIND)

    @hookimpl
    def vmon_stop(self) -> None:
        """Listen no more."""
        self._host = self._silence = None

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Say what is wrong now."""
        from vmon_core.device_health import device_findings  # noqa: PLC0415 (as above)

        if self._host is not None and self._silence is not None and (told := self._silence.look(window)):
            self._host.emit(told)
        return device_findings(window, KIND)

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Explain a finding such as `gpu.lost`."""
        from vmon_core.device_health import explain_finding  # noqa: PLC0415 (rarely asked)

        return explain_finding(code)


plugin = AMDHealthPlugin()
"""What the entry point names."""
