"""`vmon plugins create`: make a new plugin, of a code string or as a package."""

from __future__ import annotations

from typing import Any

import click

from vmon_core.cli.common import json_option
from vmon_core.cli.package import create_package, package_options
from vmon_core.cli.plugins.code import created, plugin_of, source_options, target_option

_CODE = ("file", "kind", "execute", "description", "actions", "functions", "interval", "hold_for", "cooldown")


@click.command("create")
@click.argument("name")
@source_options
@target_option
@json_option
@click.option("--from-template", is_flag=True, help="Make a package from the template of vmon-core instead.")
@package_options
def command(name: str, target: str, as_json: bool, from_template: bool, **answers: Any) -> None:  # noqa: ANN401 (each option has its own type)
    """Make a plugin called NAME of the code in FILE, or with --from-template a package with tests that pass.

    The code is the body of a function. It is checked and run once; then a running monitor takes it into use at once,
    and the journal keeps it. `vmon sandbox functions` lists what it may call.

    \b
    Exit code:  0 in use     1 refused, with what is wrong and what would help

    \b
    Examples:  vmon plugins create answer --type collector -e "return {'answer': 42}"
               vmon plugins create room --from-template --kinds collector,analyzer
    """
    code = {key: answers.pop(key) for key in _CODE}
    if from_template:
        create_package(name, **answers)
    else:
        created(plugin_of(name, **code), target, as_json=as_json)
