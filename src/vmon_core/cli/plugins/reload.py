"""`vmon plugins reload`: have a running monitor take the version of a plugin that its files hold now."""

from __future__ import annotations

import click

from vmon_core.cli.common import emit_json, json_option, load_config


@click.command("reload")
@click.argument("name")
@click.option("--target", default="", metavar="NAME", help="The monitor that watches NAME, or has this process id.")
@json_option
def command(name: str, target: str, as_json: bool) -> None:
    """Put the version of plugin NAME that its files hold now in the place of the one that a running monitor uses.

    Plugins that depend on it are restarted. When the new version cannot be used, the old one goes on and the reason is
    printed.

    \b
    Exit code:  0 reloaded     1 refused, or no monitor could be reached

    \b
    Example:  vmon plugins reload queue-watch
    """
    from vmon_core.control.client import running_monitor
    from vmon_core.host.reload.reloader import Reloaded

    done = running_monitor(load_config().data_dir, target).client.call("plugins.reload", name=name)
    if as_json:
        emit_json(done)
    else:
        click.echo(Reloaded(**done))
