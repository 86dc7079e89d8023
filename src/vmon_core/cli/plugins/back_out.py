"""`vmon plugins back-out`: go back to an earlier version of a code plugin."""

from __future__ import annotations

import click

from vmon_core.cli.common import json_option
from vmon_core.cli.plugins.code import code_of, in_use, refused, target_option


@click.command("back-out")
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), help="Which one; default: the one before.", metavar="NUMBER")
@target_option
@json_option
def command(name: str, version: int | None, target: str, as_json: bool) -> None:
    """Go back to an earlier version of the code plugin NAME; it is checked again and becomes the newest one."""
    from vmon_core.dynamic import CodeRejectedError

    try:
        kept = code_of(target).back_out(name, version)
    except CodeRejectedError as error:
        refused(error, as_json=as_json)
    else:
        in_use(kept, as_json=as_json)
