"""Lines about plugins, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.host.resolution.records import Rejection


def loaded_line(plugin: LoadedPlugin) -> str:
    """One plugin in use: name, version, what it is for."""
    name = click.style(f"{plugin.info.name:<16}", fg="green")
    return f"{name} {plugin.info.version:<10} {plugin.info.summary}"


def rejected_lines(rejection: Rejection) -> Iterator[str]:
    """One rejected plugin: the reason, what led to it, and what would help."""
    name = click.style(f"{rejection.name:<16}", fg="red")
    yield f"{name} {rejection.version or '?':<10} rejected: {rejection.reason}"
    indent = f"{'':<27} "
    yield from (f"{indent}since {cause}" for cause in rejection.chain)
    if rejection.help:
        yield f"{indent}help: {rejection.help}"
