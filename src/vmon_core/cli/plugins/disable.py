"""`vmon plugins disable`: go on without a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import json_option
from vmon_core.cli.plugins.change import change_plugins, must_be_installed, required_plugins, tell_running

if TYPE_CHECKING:
    from collections.abc import MutableMapping


@click.command("disable")
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Load the plugin NAME no more: it is noted in the configuration file, which is made where there is none.

    Comments in the file are kept. Monitors that run with this configuration stop it at once, unless another plugin
    there needs it; from the next start on it is not even imported.

    \b
    Exit code:  0 it is disabled    1 there is no such plugin, it is required, the file cannot be changed,
                                   or a running monitor refuses
    """
    from vmon_core.errors import PluginError

    must_be_installed(name)
    if name in required_plugins():
        msg = f"plugin {name!r} is one that [plugins] requires: take it out of `required` first"
        raise PluginError(msg)

    def change(plugins: MutableMapping[str, Any]) -> None:
        disabled = plugins.setdefault("disabled", [])
        if name not in disabled:
            disabled.append(name)

    change_plugins(change, f"plugin {name} is disabled", as_json=as_json)
    tell_running("plugins.disable", name, as_json=as_json)
