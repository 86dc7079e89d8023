"""`vmon plugins remove`: take a code plugin out of use."""

from __future__ import annotations

import click

from vmon_core.cli.common import emit_json, json_option
from vmon_core.cli.plugins.code import code_of, target_option


@click.command("remove")
@click.argument("name")
@target_option
@json_option
def command(name: str, target: str, as_json: bool) -> None:
    """Take the code plugin NAME out of use; `vmon plugins back-out NAME` brings it back."""
    code_of(target).remove(name)
    if as_json:
        emit_json({"name": name, "removed": True})
    else:
        click.echo(f"{name} is out of use")
