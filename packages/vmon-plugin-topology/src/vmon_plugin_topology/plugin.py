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
    from vmon_core.records import CompatibilityCheck, Target


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
        """Look at the ways between the GPUs that a launch would use.

        What is not known is left out here: a launch that may be slow starts all the same, and the answer to whether it
        can start would read as if that were not known.
        """
        from vmon_plugin_topology.machine import this_machine  # noqa: PLC0415 (only when asked)

        machine = this_machine(devices)
        if not machine.gpus:
            return ()
        from vmon_plugin_topology.checks import evaluated, launch_checks  # noqa: PLC0415 (only where there are GPUs)

        return evaluated(launch_checks(machine, launch, devices))

    @hookimpl
    def vmon_diagnose(self, target: Target, devices: tuple[Device, ...]) -> Iterable[CompatibilityCheck]:
        """Look at the machine, and at where the processes of a server on it may run."""
        if target.pid is None:
            return ()
        from vmon_plugin_topology.checks import machine_checks  # noqa: PLC0415 (only when asked)
        from vmon_plugin_topology.machine import this_machine  # noqa: PLC0415 (likewise)

        return list(machine_checks(this_machine(devices), devices, server=target.pid))

    @hookimpl
    def vmon_explain(self, code: str) -> str | None:
        """Explain the codes of the checks."""
        from vmon_plugin_topology.checks import EXPLANATIONS  # noqa: PLC0415 (only when asked)

        return EXPLANATIONS.get(code)


plugin = TopologyPlugin()
"""The plugin as a whole."""
