"""`vmon plugins`: what is loaded, and why something is not."""

from __future__ import annotations

import sys
from typing import Any

import click

from vmon_core.cli import plugins_top
from vmon_core.cli.common import emit_json, json_option, load_config, load_host
from vmon_core.cli.package import create_package, package_options


@click.group("plugins", invoke_without_command=True)
@click.option("--strict", is_flag=True, help="Exit with 1 when a plugin was rejected.")
@json_option
@click.pass_context
def command(ctx: click.Context, strict: bool, as_json: bool) -> None:
    """List the loaded plugins, say why others are not, and make new ones."""
    if ctx.invoked_subcommand is None:
        _show(strict=strict, as_json=as_json)


@command.command("list")
@click.option("--strict", is_flag=True, help="Exit with 1 when a plugin was rejected.")
@json_option
def list_(strict: bool, as_json: bool) -> None:
    """List the loaded plugins, and those that were rejected with the reason and what would help."""
    _show(strict=strict, as_json=as_json)


@command.command("create")
@click.argument("name")
@click.option("--from-template", is_flag=True, required=True, help="Make a package from the template of vmon-core.")
@package_options
def create(name: str, from_template: bool, **answers: Any) -> None:  # noqa: ANN401 (each option has its own type)
    """Make a package for a plugin called NAME, with tests that pass.

    Example:  vmon plugins create room --from-template --kinds collector,analyzer
    """
    del from_template
    create_package(name, **answers)


def _show(*, strict: bool, as_json: bool) -> None:
    host = load_host(load_config())
    for plugin in host.plugins:
        _print_loaded(plugin.describe(), as_json=as_json)
    for rejection in host.report.rejected:
        _print_rejected(rejection.describe(), as_json=as_json)
    sys.exit(1 if strict and host.report.rejected else 0)


command.add_command(plugins_top.command)


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
