"""`vmon sandbox`: what code plugins may call, and what confines them."""

from __future__ import annotations

import click

from vmon_core.cli.common import emit_json, json_option, load_config
from vmon_plugin_sandbox import granted
from vmon_plugin_sandbox.config import SandboxConfig
from vmon_plugin_sandbox.health import STATUSES


@click.group("sandbox")
def group() -> None:
    """Show what code plugins may call, and what confines them."""


@group.command("functions")
@json_option
def functions(as_json: bool) -> None:  # noqa: FBT001 (a flag is a boolean parameter to click)
    """List the functions that code may call, with an example each."""
    config = _config()
    for function in granted.ALL:
        if function.name not in config.functions:
            continue
        if as_json:
            emit_json({name: getattr(function, name) for name in ("name", "signature", "summary", "example")})
        else:
            click.echo(f"{click.style(function.signature, bold=True)}\n    {function.summary}\n    {function.example}")


@group.command("status")
@json_option
def status(as_json: bool) -> None:  # noqa: FBT001 (as above)
    """Start a worker, measure what confines it, and show the limits and how many code plugins fare how.

    Exits with 1 when the workers cannot be confined as the configuration demands.
    """
    from vmon_plugin_sandbox.evaluator import Evaluator  # noqa: PLC0415 (loads the interpreter's client)

    config = _config()
    counts = _counts()
    evaluator = Evaluator(config)
    try:
        layers = {layer.name: layer.active for layer in evaluator.engine.layers}
    finally:
        evaluator.close()
    limits = {
        "seconds": config.seconds,
        "collector_seconds": config.collector_seconds,
        "memory": config.memory,
        "plugins": config.plugins,
        "per_owner": config.per_owner,
        "budget": config.budget,
    }
    if as_json:
        made = {"os_hardening": config.os_hardening, "workers": config.workers, "layers": layers, "limits": limits}
        emit_json({**made, "code_plugins": counts})
        return
    click.echo(f"hardening  {config.os_hardening}, {config.workers} workers")
    for name, active in layers.items():
        click.echo(f"  {name:<17} {click.style('active', fg='green') if active else click.style('missing', fg='red')}")
    click.echo("limits")
    for name, value in limits.items():
        click.echo(f"  {name:<17} {value:,}")
    click.echo("code plugins")
    for name, count in counts.items():
        click.echo(f"  {name:<17} {count}")


def _counts() -> dict[str, int]:
    """How many code plugins of running monitors, or else of the journal, fare how."""
    from vmon_core.cli.common import load_host  # noqa: PLC0415 (only for this command)
    from vmon_core.cli.plugins.code import code_plugins  # noqa: PLC0415 (likewise)

    config = load_config()
    found = [str(each["status"]) for each in code_plugins(load_host(config), config)]
    return {status: found.count(status) for status in STATUSES}


def _config() -> SandboxConfig:
    from vmon_core.host.settings import settings  # noqa: PLC0415 (only for these commands)

    table = load_config().plugins.tables.get("sandbox", {})
    made: SandboxConfig = settings(SandboxConfig, table)
    return made
