"""`vmon plugins create`: make a new plugin."""

from __future__ import annotations

from typing import Any

import click

from vmon_core.cli.package import create_package, package_options


@click.command("create")
@click.argument("name")
@click.option("--from-template", is_flag=True, required=True, help="Make a package from the template of vmon-core.")
@package_options
def command(name: str, from_template: bool, **answers: Any) -> None:  # noqa: ANN401 (each option has its own type)
    """Make a package for a plugin called NAME, with tests that pass.

    Example:  vmon plugins create room --from-template --kinds collector,analyzer
    """
    del from_template
    create_package(name, **answers)
