"""`vmon status`: the state of each deployment that the journal knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from vmon_core.cli.common import emit_json, json_option, load_config, open_journal

if TYPE_CHECKING:
    from vmon_core.journal import Journal
    from vmon_core.records import Checkpoint


@click.command("status")
@click.argument("target", required=False)
@json_option
def command(target: str | None, as_json: bool) -> None:
    """Show the last known state of TARGET, or of every deployment in the journal."""
    journal = open_journal(load_config())
    names = [target] if target else list(journal.targets())
    rows = [c for name in names if (c := journal.latest_checkpoint(name)) is not None]
    if target and not rows:
        msg = f"the journal knows no deployment {target!r}; it knows: {', '.join(journal.targets()) or 'none'}"
        raise click.UsageError(msg)
    for checkpoint in rows:
        _print(checkpoint, journal, as_json=as_json)


def _print(checkpoint: Checkpoint, journal: Journal, *, as_json: bool) -> None:
    from vmon_core.cli.text import duration, state_text
    from vmon_core.report import checkpoint_dict

    live = {t.name: t for t in journal.live_launches()}
    launch = live.get(checkpoint.target)
    if as_json:
        emit_json({"pid": launch.pid if launch else None, **(checkpoint_dict(checkpoint) or {})})
        return
    age = duration(max(0.0, time.time() - checkpoint.time))
    owner = f"  pid {launch.pid}" if launch else ""
    click.echo(f"{checkpoint.target}: {state_text(checkpoint.state)} for {age}{owner}  {checkpoint.reason}")
