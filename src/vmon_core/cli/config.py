"""`vmon config`: show, check and explain the configuration."""

from __future__ import annotations

from pathlib import Path

import click

from vmon_core.cli.common import emit_json, json_option, load_config


@click.group("config")
def command() -> None:
    """Show the configuration in force, check a file, or print a default file with explanations."""


@command.command("show")
@json_option
def show(as_json: bool) -> None:
    """Show the configuration in force, defaults included; secrets are redacted."""
    from vmon_core.config import to_dict, to_toml

    config = load_config()
    if as_json:
        emit_json(to_dict(config))
    else:
        click.echo(to_toml(config), nl=False)


@command.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Check FILE, or the file in force: every problem with its line and what was expected."""
    from vmon_core.config import load_config as load

    config = load(file) if file else load_config()
    click.echo(f"{config.source or 'no file, the defaults'}: fine")


@command.command("default")
def default() -> None:
    """Print a complete configuration file that says what each setting does."""
    from vmon_core.config import default_text

    click.echo(default_text(), nl=False)
