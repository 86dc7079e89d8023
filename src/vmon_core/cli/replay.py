"""`vmon replay`: a recording through the same pipeline, deterministically."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmon_core.cli.common import emit_json, json_option, load_config, load_host

if TYPE_CHECKING:
    from vmon_core.records import Change, Finding
    from vmon_core.report import LifecycleReport


@click.command("replay")
@click.argument("recording", type=click.Path(exists=True, path_type=Path))
@click.option("--target", help="Which deployment of a journal; default: the latest.", metavar="NAME")
@json_option
def command(recording: Path, target: str | None, as_json: bool) -> None:
    """Run RECORDING (a journal, or a folder of recorded traces) through the pipeline again.

    Prints every transition with its reason, every finding, the phases of the start and the outcome. The same input
    gives the same output, byte for byte.
    """
    from vmon_core.replaying import replay_recording

    config = load_config()
    printer = _JsonPrinter() if as_json else _TextPrinter()
    report = replay_recording(recording, load_host(config), printer, target=target)
    printer.end(report)


class _JsonPrinter:
    """One JSON object a line; times in the recording's own clock."""

    def change(self, change: Change) -> None:
        from vmon_core.report import change_dict

        emit_json(change_dict(change))

    def finding(self, finding: Finding) -> None:
        from vmon_core.report import finding_dict

        emit_json(finding_dict(finding))

    def end(self, report: LifecycleReport) -> None:
        data = report.as_dict()
        emit_json({"final": data["state"], **{k: data[k] for k in ("failure", "phases", "leftovers")}})


class _TextPrinter:
    """One line a transition or finding, then the phases and the outcome."""

    def change(self, change: Change) -> None:
        from vmon_core.cli.text import change_line

        click.echo(change_line(change))

    def finding(self, finding: Finding) -> None:
        from vmon_core.cli.text import finding_line

        click.echo(finding_line(finding))

    def end(self, report: LifecycleReport) -> None:
        from vmon_core.cli.text import ending_lines

        click.echo("\n".join(ending_lines(report)))
