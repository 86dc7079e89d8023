"""`vmon plugins`: what is loaded, and why something is not."""

from __future__ import annotations

import sys

import click

from vmon_core.cli.common import emit_json, json_option, load_config, load_host


@click.command("plugins")
@click.option("--strict", is_flag=True, help="Exit with 1 when a plugin was rejected.")
@json_option
def command(strict: bool, as_json: bool) -> None:
    """List the loaded plugins, and those that were rejected with the reason and what would help."""
    host = load_host(load_config())
    for plugin in host.plugins:
        _print_loaded(plugin.describe(), as_json=as_json)
    for rejection in host.report.rejected:
        _print_rejected(rejection.describe(), as_json=as_json)
    sys.exit(1 if strict and host.report.rejected else 0)


def _print_loaded(plugin: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        emit_json({"loaded": True, **plugin})
        return
    name = click.style(f"{plugin['name']:<16}", fg="green")
    click.echo(f"{name} {plugin['version']:<10} {plugin['summary']}")


def _print_rejected(rejection: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        emit_json({"loaded": False, **rejection})
        return
    name = click.style(f"{rejection['name']:<16}", fg="red")
    click.echo(f"{name} {rejection['version'] or '?':<10} rejected: {rejection['reason']}")
    if rejection["help"]:
        click.echo(f"{'':<27} {rejection['help']}")
