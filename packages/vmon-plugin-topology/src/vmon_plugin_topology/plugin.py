"""The hooks of the topology plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from vmon_core.devices import Device
    from vmon_core.plugin import LaunchRequest
    from vmon_core.records import CompatibilityCheck


class TopologyPlugin:
    """Reads how processors, GPUs and network cards are connected, when somebody asks."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="topology",
            version=metadata.version("vmon-plugin-topology"),
            summary="Reads how processors, GPUs and network cards are connected",
            environment='sys_platform == "linux"',
        )

    @hookimpl
    def vmon_commands(self, cli: click.Group) -> None:
        """Add `vmon topology`."""
        from vmon_plugin_topology.command import command  # noqa: PLC0415 (only the command line needs it)

        cli.add_command(command)

    @hookimpl
    def vmon_check(self, launch: LaunchRequest, devices: tuple[Device, ...]) -> Iterable[CompatibilityCheck]:
        """Look at the ways between the GPUs that a launch would use."""
        from vmon_plugin_topology.checks import launch_checks  # noqa: PLC0415 (a running monitor never needs it)
        from vmon_plugin_topology.devices import with_devices  # noqa: PLC0415 (likewise)
        from vmon_plugin_topology.sysfs import read_sysfs  # noqa: PLC0415 (likewise)

        return list(launch_checks(with_devices(read_sysfs(), devices), launch, devices))

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Explain the codes of the checks."""
        from vmon_plugin_topology.checks import EXPLANATIONS  # noqa: PLC0415 (only when asked)

        return EXPLANATIONS.get(code)


plugin = TopologyPlugin()
"""The plugin as a whole."""
