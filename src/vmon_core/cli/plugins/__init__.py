"""`vmon plugins`: what is loaded, why something is not, and what is to be done about it."""

from __future__ import annotations

import click

from vmon_core.cli.common import json_option
from vmon_core.cli.lazy import LazyGroup

COMMANDS = {
    "list": ("vmon_core.cli.plugins.listing", "List the loaded plugins and the rejected ones."),
    "info": ("vmon_core.cli.plugins.info", "Tell everything about one plugin."),
    "check": ("vmon_core.cli.plugins.check", "Report what was found, loaded and rejected, why, and what would help."),
    "graph": ("vmon_core.cli.plugins.graph", "Show who provides what to whom."),
    "create": ("vmon_core.cli.plugins.create", "Make a new plugin, of a code string or as a package."),
    "try": ("vmon_core.cli.plugins.attempt", "Run a code string once; nothing is kept."),
    "remove": ("vmon_core.cli.plugins.remove", "Take a code plugin out of use."),
    "back-out": ("vmon_core.cli.plugins.back_out", "Go back to an earlier version of a code plugin."),
    "top": ("vmon_core.cli.plugins.top", "Show what each plugin of a running monitor costs, and how it fares."),
    "reload": ("vmon_core.cli.plugins.reload", "Take the new version of a plugin into a running monitor."),
    "enable": ("vmon_core.cli.plugins.enable", "Load a plugin again that was disabled."),
    "disable": ("vmon_core.cli.plugins.disable", "Go on without a plugin."),
    "pin": ("vmon_core.cli.plugins.pin", "Load certain versions of a plugin only."),
}
"""Name, module and help of each command; a new one is a line here and a module with a `command`."""


@click.group("plugins", cls=LazyGroup, table=COMMANDS, invoke_without_command=True)
@click.option("--strict", is_flag=True, help="Without a command: exit with 1 when a plugin was rejected.")
@json_option
@click.pass_context
def command(ctx: click.Context, strict: bool, as_json: bool) -> None:
    """List the loaded plugins, and those that were rejected with the reason; or do one of the things below.

    \b
    Why is my plugin not there?        vmon plugins check
    Without one, for now:              vmon plugins disable NAME
    Is a plugin the trouble at all?    vmon --safe-mode watch URL
    """
    if ctx.invoked_subcommand is None:
        from vmon_core.cli.plugins import listing

        ctx.invoke(listing.command, strict=strict, as_json=as_json)
    elif strict or as_json:
        msg = f"options of `vmon plugins {ctx.invoked_subcommand}` stand behind its name"
        raise click.UsageError(msg)
