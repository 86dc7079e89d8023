"""`vmon watch`: attach to a server that already runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from vmon_core.cli.common import emit_json, json_option, load_config

if TYPE_CHECKING:
    from vmon_core.report import LifecycleReport


@click.command("watch")
@click.argument("url", required=False)
@click.option("--log", type=click.Path(exists=True, dir_okay=False), help="The server's log file, if there is one.")
@click.option("--name", help="How to call this deployment.", metavar="NAME")
@click.option("--once", is_flag=True, help="Print a verdict and exit: 0 healthy, 1 degraded, 2 failed, 3 unknown.")
@click.option("--for", "seconds", type=float, help="Stop watching after this many seconds.", metavar="SECONDS")
@json_option
def command(
    url: str | None,
    log: str | None,
    name: str | None,
    once: bool,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Watch the vLLM server at URL; without a URL, the one that runs on this machine.

    Watching never disturbs the server. Ctrl-C ends the watch, not the server.

    \b
    Examples:  vmon watch http://127.0.0.1:8000
               vmon watch --once --json http://127.0.0.1:8000
    """
    from vmon_core.cli.live import make_view
    from vmon_core.cli.memory import share_one_arena
    from vmon_core.watching import Watcher, exit_code

    share_one_arena()
    watcher = Watcher(load_config(), url=url, log=log or "", name=name or "")
    if not once:
        sys.exit(watcher.watch(make_view(as_json=as_json), seconds))
    report = watcher.verdict()
    _print_verdict(report, as_json=as_json)
    sys.exit(exit_code(report.state))


def _print_verdict(report: LifecycleReport, *, as_json: bool) -> None:
    from vmon_core.cli.text import state_text

    reason = report.changes[-1].reason if report.changes else "nothing was seen"
    if as_json:
        emit_json({"reason": reason, **report.as_dict()})
    else:
        click.echo(f"{report.target}: {state_text(report.state)}  {reason}")
