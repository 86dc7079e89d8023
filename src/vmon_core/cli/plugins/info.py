"""`vmon plugins info`: everything about one plugin."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import emit_json, json_option, load_host
from vmon_core.cli.plugins.lines import rejected_lines

if TYPE_CHECKING:
    from vmon_core.host.loaded import LoadedPlugin
    from vmon_core.host.plugin_host import PluginHost


@click.command("info")
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Tell everything about the plugin NAME: where it comes from, what it declares, which settings it takes.

    \b
    Exit code:  0 it is loaded    1 it is rejected, or there is none of this name
    """
    host = load_host()
    plugin = next((p for p in host.plugins if p.info.name == name), None)
    rejections = [rejection for rejection in host.report.rejected if rejection.name == name]
    if plugin is None and not rejections:
        raise _unknown(name, host)
    about = _plain(plugin, host) if plugin else {}
    for data, lines in [
        *([(about, _lines(about))] if about else []),
        *(({"loaded": False, **r.describe()}, list(rejected_lines(r))) for r in rejections),
    ]:
        if as_json:
            emit_json(data)
        else:
            click.echo("\n".join(lines))
    sys.exit(0 if plugin else 1)


def _unknown(name: str, host: PluginHost) -> Exception:
    import difflib

    from vmon_core.errors import PluginError

    known = [*host.report.loaded, *(rejection.name for rejection in host.report.rejected)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`vmon plugins` lists those that were found"
    return PluginError(f"nothing that is installed announces a plugin {name!r}: {hint}")


def _plain(plugin: LoadedPlugin, host: PluginHost) -> dict[str, Any]:
    import attrs

    info = plugin.info
    settings = attrs.fields(info.config) if info.config and attrs.has(info.config) else ()
    return {
        "loaded": True,
        **plugin.describe(),
        "provides": [f"{capability.name} {capability.version}" for capability in info.provides],
        "requires": list(info.requires),
        "conflicts": list(info.conflicts),
        "needs": list(info.needs),
        "environment": info.environment,
        "api": info.api,
        "settings": [field.name for field in settings],
        "commands": _commands(plugin, host),
    }


def _commands(plugin: LoadedPlugin, host: PluginHost) -> list[str]:
    """What it adds to the command line."""
    added = click.Group()
    host.dispatcher.call_all(plugin.of("vmon_commands"), {"cli": added})
    return [f"vmon {name}" for name in added.commands]


def _lines(plain: dict[str, Any]) -> list[str]:
    """One line for each thing that there is something to say about."""
    shown = {name: value for name, value in plain.items() if name != "loaded" and (value or name == "failures")}
    return [f"{click.style(f'{name:<12}', dim=True)} {_text(value)}" for name, value in shown.items()]


def _text(value: Any) -> str:  # noqa: ANN401 (plain data)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} ({meaning})" for name, meaning in value.items())
    return "yes" if value is True else str(value)
