"""What the plugins that make findings about devices have in common; each vendor's package has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.device_health.explanations import explain_finding
from vmon_core.device_health.findings import device_findings
from vmon_core.device_health.silence import SilenceWatch
from vmon_core.plugin import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import Host
    from vmon_core.records import Finding


class DeviceHealthPlugin:
    """Makes findings of what a vendor's other plugin tells; it runs in vmon's own process and never calls the driver.

    The plugin that calls the driver lives in a child process. To send it the window for each analysis would cost more
    than the analysis, and when its driver hangs, somebody has to say so.

    Args:
        kind: the vendor's short name, as in `Device.kind`.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._host: Host | None = None
        self._silence = SilenceWatch(kind)

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Begin to listen for silence."""
        self._host, self._silence = host, SilenceWatch(self._kind)

    @hookimpl
    def vmon_stop(self) -> None:
        """Listen no more."""
        self._host = None

    @hookimpl
    def vmon_analyze(self, window: Window) -> Iterable[Finding]:
        """Say what is wrong now."""
        if self._host is not None and (told := self._silence.look(window)):
            self._host.emit(told)
        return device_findings(window, self._kind)

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Explain a finding such as `gpu.lost`."""
        return explain_finding(code)
