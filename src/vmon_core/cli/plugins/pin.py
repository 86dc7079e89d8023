"""`vmon plugins pin`: load certain versions of a plugin only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import json_option
from vmon_core.cli.plugins.change import change_plugins, must_be_installed

if TYPE_CHECKING:
    from collections.abc import MutableMapping


@click.command("pin")
@click.argument("name")
@click.argument("versions", required=False)
@click.option("--remove", is_flag=True, help="Take the pin away.")
@json_option
def command(name: str, versions: str | None, remove: bool, as_json: bool) -> None:
    """Load the plugin NAME only in certain VERSIONS, such as '<0.3'; without them, in the one that is installed.

    They are versions of its distribution. Another one is rejected with a message, so an upgrade cannot go unnoticed.

    \b
    Exit code:  0 it is pinned    1 there is no such plugin, or the file cannot be changed
    """
    if remove and versions:
        msg = "--remove takes no versions"
        raise click.UsageError(msg)
    if remove:
        change_plugins(lambda plugins: _unpin(plugins, name), f"plugin {name} is not pinned", as_json=as_json)
        return
    candidate = must_be_installed(name)
    wanted = _checked(versions or f"=={candidate.version}")

    def change(plugins: MutableMapping[str, Any]) -> None:
        _pins(plugins)[name] = wanted

    note = _warning(name, candidate.version, wanted)
    change_plugins(change, f"plugin {name} is pinned to {wanted}", as_json=as_json, note=note)


def _pins(plugins: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The table of pins; a new one is written on one line, so that it cannot take other settings into it."""
    if "pins" not in plugins:
        import tomlkit

        plugins["pins"] = tomlkit.inline_table()
    pins: MutableMapping[str, Any] = plugins["pins"]
    return pins


def _unpin(plugins: MutableMapping[str, Any], name: str) -> None:
    plugins.get("pins", {}).pop(name, None)


def _checked(versions: str) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(versions)
    except InvalidSpecifier:
        msg = f"{versions!r} is no range of versions: write it like '<0.3' or '>=1.2,<2'"
        raise click.UsageError(msg) from None
    return versions


def _warning(name: str, version: str, wanted: str) -> str:
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(wanted).contains(version, prereleases=True):
        return ""
    return f"version {version} is installed, so {name} is not loaded until another one is"
