"""The hooks of the amd plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import Capability, Isolation, PluginInfo, every, hookimpl
from vmon_core.records import Severity
from vmon_plugin_amd.config import AMDConfig
from vmon_plugin_amd.presence import why_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmon_core.devices import Device
    from vmon_core.evidence import Evidence
    from vmon_core.plugin import Host
    from vmon_core.records import Sample, Tick
    from vmon_plugin_amd.session import Session


DEVICES_SECONDS = 5.0
"""Seconds that somebody who asks for the devices waits for the driver; the host gives such a call eight."""

FACTS_SECONDS = 1.0
"""The same for facts, which may not take longer than one and a half."""


class AMDPlugin:
    """Reads AMD GPUs through AMD SMI.

    Where there are any it lives in a child process, since a driver may hang or crash whoever calls it. Where there are
    none it stays in vmon's own, and does nothing.
    """

    def __init__(self) -> None:
        self._config = AMDConfig()
        self._session: Session | None = None
        self._absent = ""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is; asked before anything else."""
        self._absent = why_absent()
        return PluginInfo(
            name="amd",
            version=metadata.version("vmon-plugin-amd"),
            summary="Reads AMD GPUs through AMD SMI",
            provides=(Capability("gpu.telemetry"), Capability("amd.telemetry")),
            config=AMDConfig,
            isolation=Isolation.THREAD if self._absent else Isolation.PROCESS,
        )

    @hookimpl
    def vmon_start(self, host: Host) -> None:
        """Take the configuration, and say when there is nothing to read."""
        self._config = host.config("amd")
        if self._absent:
            host.say(Severity.INFO, self._absent)
            return
        self._use(lambda why: host.say(Severity.WARNING, why))

    @hookimpl
    def vmon_stop(self) -> None:
        """Let go of the driver."""
        if self._session is not None:
            self._session.close()
        self._session = None

    @hookimpl
    def vmon_facts(self) -> Mapping[str, str]:
        """Tell what is known of the GPUs, when their driver answers in time."""
        if self._absent:
            return {}
        from vmon_plugin_amd.facts import facts  # noqa: PLC0415 (only a machine with AMD GPUs needs it)
        from vmon_plugin_amd.session import UnavailableError  # noqa: PLC0415 (as above)

        try:
            return facts(self._asked().devices(FACTS_SECONDS))
        except UnavailableError:
            return {}

    @hookimpl
    def vmon_devices(self) -> Iterable[Device]:
        """Tell the GPUs as they are now."""
        return () if self._absent else self._asked().devices(DEVICES_SECONDS)

    @hookimpl
    @every("1s", timeout="3s")
    def vmon_collect(self, tick: Tick) -> Iterable[Evidence | Sample]:
        """Measure; the configured interval decides which of these calls do something."""
        return () if self._session is None else self._session.collect(tick.time)

    def _asked(self) -> Session:
        """The session that collects; commands ask without having started one."""
        return self._session or self._use(lambda _: None, alone=True)

    def _use(self, tell: Callable[[str], None], *, alone: bool = False) -> Session:
        """Begin a session, which takes the place of the one before."""
        from vmon_plugin_amd.session import Session  # noqa: PLC0415 (only a machine with AMD GPUs needs it)

        if self._session is not None:
            self._session.close()
        self._session = Session(self._config, tell, alone=alone)
        return self._session


plugin = AMDPlugin()
"""What the entry point names."""
