"""What `enable`, `disable` and `pin` share: they change the configuration file and say what they did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import emit_json

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from vmon_core.config import Config
    from vmon_core.control.client import Running
    from vmon_core.host.resolution.records import Candidate


def change_plugins(
    change: Callable[[MutableMapping[str, Any]], None], done: str, *, as_json: bool, note: str = ""
) -> None:
    """Change `[plugins]` in the file in force and say so.

    Args:
        change: changes the table in place.
        done: what has been done, in words.
        as_json: print JSON.
        note: what else is worth knowing.
    """
    from vmon_core.config.edit import edit_plugins

    path = _file()
    created = not path.exists()
    changed = edit_plugins(path, change)
    if as_json:
        emit_json({"file": path, "changed": changed, "created": created and changed, "done": done, "note": note})
        return
    where = f"{path}, which is new" if created else str(path)
    click.echo(f"{done}: written to {where}" if changed else f"{path}: says so already, nothing is changed")
    if note:
        click.echo(note)


def tell_running(method: str, name: str, *, as_json: bool) -> None:
    """Have every monitor that runs with this configuration do what the file now says; exit with 1 when one refuses."""
    from vmon_core.control.client import running_monitors

    asked = [(monitor, _refusal(monitor, method, name)) for monitor in running_monitors(_config().data_dir)]
    for monitor, refusal in asked:
        if as_json:
            emit_json({"pid": monitor.pid, "target": monitor.name, "done": not refusal, "refusal": refusal})
        else:
            said = refusal or "done there as well"
            click.echo(f"running monitor of {monitor.name} (pid {monitor.pid}): {said}")
    if any(refusal for _, refusal in asked):
        sys.exit(1)


def _refusal(monitor: Running, method: str, name: str) -> str:
    """What a monitor says against it, "" when it did it."""
    from vmon_core.control.wire import ControlError

    try:
        monitor.client.call(method, name=name)
    except ControlError as error:
        return str(error)
    return ""


def _file() -> Path:
    from vmon_core.config.edit import file_to_edit

    named = click.get_current_context().find_root().obj
    return file_to_edit(Path(named) if named else None)


def _config() -> Config:
    """What the file in force says; the defaults where there is none yet."""
    from vmon_core.config import Config, load_config

    path = _file()
    return load_config(path) if path.exists() else Config()


def required_plugins() -> tuple[str, ...]:
    """The plugins that the file in force requires."""
    return _config().plugins.required


def installed(name: str) -> Candidate | None:
    """The plugin that is announced under a name, None when nobody announces it."""
    return next((candidate for candidate in _announced() if candidate.name == name), None)


def _announced() -> tuple[Candidate, ...]:
    from vmon_core.host.discovery import discover
    from vmon_core.host.folders import plugin_files

    return (*discover(), *plugin_files(_config().plugins.folders))


def must_be_installed(name: str) -> Candidate:
    """The plugin of this name.

    Raises:
        PluginError: nobody announces it; a near miss is answered with the right name.
    """
    import difflib

    from vmon_core.errors import PluginError

    found = installed(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, [candidate.name for candidate in _announced()], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`vmon plugins` lists those that were found"
    msg = f"nothing that is installed announces a plugin {name!r}: {hint}"
    raise PluginError(msg)
