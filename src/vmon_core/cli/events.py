"""`vmon events`: everything the journal holds, as one stream."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs
import click

from vmon_core.cli.common import emit_json, json_option, load_config, open_journal
from vmon_core.plugin import seconds
from vmon_core.records import Severity

if TYPE_CHECKING:
    from vmon_core.journal import Event

FOLLOW_SECONDS = 0.5
"""How often `--follow` looks for news, in seconds."""


@click.command("events")
@click.argument("target", required=False)
@click.option("--since", help="Only the last part, such as 10m or 2h.", metavar="DURATION")
@click.option("--limit", type=int, default=200, show_default=True, help="At most this many, the newest.")
@click.option("--follow", "-f", is_flag=True, help="Go on and print what is added.")
@json_option
def command(target: str | None, since: str | None, limit: int, follow: bool, as_json: bool) -> None:
    """Print transitions, findings, actions, verdicts, outcomes and messages of TARGET, or of all, oldest first."""
    journal = open_journal(load_config())
    start = time.time() - _span(since) if since else None
    shown = 0
    for event in journal.events(target, since=start, limit=limit):
        _print(event, as_json=as_json)
        shown = max(shown, event.id)
    while follow:
        time.sleep(FOLLOW_SECONDS)
        for event in journal.events(target, after=shown):
            _print(event, as_json=as_json)
            shown = max(shown, event.id)


def _span(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None


def _print(event: Event, *, as_json: bool) -> None:
    from vmon_core.cli.text import moment

    data = attrs.asdict(event.record, value_serializer=_plain)
    if as_json:
        emit_json({"id": event.id, "t": event.time, "target": event.target, "kind": event.kind, **data})
        return
    when = click.style(moment(event.time), dim=True)
    click.echo(f"{when}  {event.target}  {event.kind:<10}  {_summary(data)}")


def _plain(_owner: object, _field: object, value: Any) -> Any:  # noqa: ANN401 (whatever a record holds)
    return value.name.lower() if isinstance(value, Severity) else value


def _summary(data: dict[str, Any]) -> str:
    """One line that says most: where it went, what was found, what was said, why."""
    parts = [
        data.get(name) for name in ("state", "code", "kind", "ruling", "status", "summary", "reason", "text", "detail")
    ]
    return "  ".join(str(part) for part in parts if part)
