"""`vmon plugins list`: the loaded plugins and the rejected ones."""

from __future__ import annotations

import sys

import click

from vmon_core.cli.common import emit_json, json_option, load_config, load_host
from vmon_core.cli.plugins.code import code_plugins, print_code_plugins
from vmon_core.cli.plugins.lines import loaded_line, rejected_lines


@click.command("list")
@click.option("--strict", is_flag=True, help="Exit with 1 when a plugin was rejected.")
@json_option
def command(strict: bool, as_json: bool) -> None:
    """List the loaded plugins in the order in which they were loaded, the rejected ones, and code strings.

    \b
    Exit code:  0; with --strict 1 when a plugin was rejected, disabled ones included
    """
    config = load_config()
    host = load_host(config)
    if as_json:
        for plugin in host.plugins:
            emit_json({"loaded": True, **plugin.describe()})
        for rejection in host.report.rejected:
            emit_json({"loaded": False, **rejection.describe()})
    else:
        lines = [loaded_line(plugin) for plugin in host.plugins]
        lines += [line for rejection in host.report.rejected for line in rejected_lines(rejection)]
        click.echo("\n".join(lines))
    print_code_plugins(code_plugins(host, config), as_json=as_json)
    sys.exit(1 if strict and host.report.rejected else 0)
