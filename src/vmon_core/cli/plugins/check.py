"""`vmon plugins check`: the whole report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from vmon_core.cli.common import emit_json, json_option, load_config, load_host
from vmon_core.cli.plugins.lines import loaded_line, rejected_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.host.resolution.apart import Apart


@click.command("check")
@json_option
def command(as_json: bool) -> None:
    """Report what was found, loaded and rejected, why, and what would help; and what can never be installed together.

    \b
    Exit code:  0 all is well    1 a plugin was rejected that is not disabled,
                                   or one that [plugins] requires is not loaded
    """
    from packaging.markers import default_environment

    from vmon_core.host.resolution.apart import apart
    from vmon_core.host.resolution.records import Reason

    config = load_config()
    host = load_host(config)
    report = host.report
    never = apart(report.found, {name: str(value) for name, value in default_environment().items()})
    safe = config.plugins.safe_mode
    missing = [] if safe else [name for name in config.plugins.required if name not in report.loaded]
    bad = [rejection.name for rejection in report.rejected if rejection.code is not Reason.DISABLED]
    if as_json:
        emit_json(_plain(host, never, missing))
    else:
        click.echo("\n".join(_lines(host, never, missing)))
    sys.exit(1 if bad or missing else 0)


def _plain(host: PluginHost, never: tuple[Apart, ...], missing: list[str]) -> dict[str, object]:
    import attrs

    return {
        "found": [attrs.asdict(candidate) | {"source": candidate.source} for candidate in host.report.found],
        "loaded": [plugin.describe() for plugin in host.plugins],
        "rejected": [rejection.describe() for rejection in host.report.rejected],
        "never_together": [attrs.asdict(pair) for pair in never],
        "missing": missing,
    }


def _lines(host: PluginHost, never: tuple[Apart, ...], missing: list[str]) -> Iterator[str]:
    report = host.report
    built_in = len(set(report.loaded) - {candidate.name for candidate in report.found})
    counts = f"{len(report.loaded)} loaded, {len(report.rejected)} rejected"
    yield f"Found {len(report.found)}, and {built_in} built in: {counts}."
    yield from ("", "Loaded, in this order:", *map(loaded_line, host.plugins))
    if report.rejected:
        yield from ("", "Rejected:", *(line for each in report.rejected for line in rejected_lines(each)))
    if never:
        yield from ("", "Never together:", *(str(pair) for pair in never))
    if missing:
        yield from ("", f"vmon does not start: [plugins] requires {', '.join(missing)}, not loaded.")
