"""`vmon plugins enable`: load a plugin again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import json_option
from vmon_core.cli.plugins.change import change_plugins, installed, tell_running

if TYPE_CHECKING:
    from collections.abc import MutableMapping


@click.command("enable")
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Load the plugin NAME again that `vmon plugins disable` took out; comments in the configuration file are kept.

    Monitors that run with this configuration load it at once.

    \b
    Exit code:  0 it is not disabled (any more)    1 the file cannot be changed, or a running monitor refuses
    """

    def change(plugins: MutableMapping[str, Any]) -> None:
        disabled = plugins.get("disabled", [])
        while name in disabled:
            disabled.remove(name)

    note = "" if installed(name) else f"nothing that is installed announces a plugin {name!r}, though"
    change_plugins(change, f"plugin {name} is enabled", as_json=as_json, note=note)
    tell_running("plugins.enable", name, as_json=as_json)
