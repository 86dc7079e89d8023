"""`vmon report`: how a deployment's life went, from the journal."""

from __future__ import annotations

from pathlib import Path

import click

from vmon_core.cli.common import emit_json, json_option, load_config, open_journal


@click.command("report")
@click.argument("target", required=False)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a self-contained page.", metavar="FILE"
)
@json_option
def command(target: str | None, html: Path | None, as_json: bool) -> None:
    """Report the life of TARGET, by default of the deployment that was seen last."""
    from vmon_core.journal.reporting import report_from_journal

    report = report_from_journal(open_journal(load_config()), target)
    if html is not None:
        from vmon_core.html import page

        html.write_text(page(report), encoding="utf-8")
        click.echo(f"wrote {html}")
    elif as_json:
        emit_json(report.as_dict())
    else:
        from vmon_core.cli.text import report_lines

        click.echo("\n".join(report_lines(report)))
