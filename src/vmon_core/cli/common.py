"""What several commands share: configuration, journal, plugins, JSON output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vmon_core.config import Config
    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.journal import Journal

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line, instead of text.")
"""The option that every printing command has."""


def emit_json(data: object, file: IO[str] | None = None) -> None:
    """Print one JSON object on one line, at once; into `file` instead of standard output when one is given."""
    click.echo(json.dumps(data, default=str, ensure_ascii=False), file=file)


def load_config() -> Config:
    """Read the configuration that the root command was given, or the one that is found; its options come on top."""
    import attrs

    from vmon_core.config import load_config as load

    root = click.get_current_context().find_root()
    config = load(Path(root.obj) if root.obj else None)
    if not root.params.get("safe_mode"):
        return config
    return attrs.evolve(config, plugins=attrs.evolve(config.plugins, safe_mode=True))


def load_host(config: Config | None = None) -> PluginHost:
    """Load all plugins, to ask them or about them; one that fails, and be it required, is in the host's report."""
    from vmon_core.monitor import make_host

    return make_host(config if config is not None else load_config(), lenient=True)


def open_journal(config: Config) -> Journal:
    """Open the journal for reading; a missing one is an error that says how to get one."""
    from vmon_core.errors import VmonError
    from vmon_core.journal import Journal

    path = config.journal_path
    if not path.exists():
        msg = f"there is no journal at {path} yet: start something with `vmon run` or `vmon watch` first"
        raise VmonError(msg)
    return Journal(path, read_only=True)
