"""The hook of the MCP plugin: one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import importlib_metadata as metadata

from vmon_core.plugin import PluginInfo, hookimpl

if TYPE_CHECKING:
    import click


class McpPlugin:
    """Adds `vmon mcp`; in a monitor it does nothing and imports nothing."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(
            name="mcp",
            version=metadata.version("vmon-plugin-mcp"),
            summary="Offers the monitor to an AI agent as tools: `vmon mcp`",
        )

    @hookimpl
    def vmon_commands(self, cli: click.Group) -> None:
        """Add the command."""
        from vmon_plugin_mcp.command import command  # noqa: PLC0415 (only the command line needs it)

        cli.add_command(command)


plugin = McpPlugin()
"""What the entry point names."""
