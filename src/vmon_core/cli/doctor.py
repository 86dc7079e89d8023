"""`vmon doctor`: what vmon can and cannot see of a deployment, and whether it can work on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from vmon_core.cli.check import CheckCommand, check_lines
from vmon_core.cli.common import emit_json, json_option, load_config, load_host
from vmon_core.records import CheckVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_core.host.plugin_host import PluginHost
    from vmon_core.records import CompatibilityCheck, Target

OWN = "vmon"
"""The source of the checks that are no plugin's: those of the devices' features tell nothing of a server."""

_WHOLE = {
    CheckVerdict.OK: ("green", "vmon sees what it needs"),
    CheckVerdict.WARNING: ("yellow", "vmon works, with blind spots"),
    CheckVerdict.FAILURE: ("red", "vmon cannot work like this"),
    CheckVerdict.NOT_EVALUATED: ("cyan", "nothing could be told of the server"),
}


@click.command("doctor", cls=CheckCommand)
@click.argument("url", required=False)
@click.option("--log", type=click.Path(exists=True, dir_okay=False), help="The server's log file.", metavar="FILE")
@click.option("--all", "everything", is_flag=True, help="Show what is in order, too.")
@json_option
def command(url: str | None, log: str | None, everything: bool, as_json: bool) -> None:
    """Say what vmon can and cannot see of the server at URL, or of each one on this machine.

    Which version of vLLM was found, which of its metrics, messages and endpoints are known, which rules are alive or
    blind therefore, which features its devices have, and whether vmon itself can work here: its journal, its control
    socket, its permissions, its plugins. Without any server it tells what it knows of the vLLM that is installed.

    A rule that is *not evaluated* is blind, which is no bad news: the fix says how to give it sight.

    \b
    Exit code:  0 nothing is amiss     1 warnings     2 failures
                3 nothing could be told of the server     64 misused

    \b
    Example:     vmon doctor http://127.0.0.1:8000
    In a script: vmon doctor --json | jq -r 'select(.verdict == "warning") | .fix'
    """
    from vmon_core.checking import EXIT_CODES, GRAVITY
    from vmon_core.diagnosing import diagnose
    from vmon_core.lifecycle.capture.arguments import parse_command
    from vmon_core.surroundings import check_surroundings

    config = load_config()
    host = load_host(config)
    own = check_surroundings(config, host)
    whole = [_verdict(own)]
    _show("vmon itself", own, everything=everything, as_json=as_json)
    for target in _targets(host, url, log or ""):
        found = diagnose(host.hooks, target, parse_command(target.command), {})
        blind = url is not None and all(c.verdict is CheckVerdict.NOT_EVALUATED for c in found if c.source != OWN)
        whole.append(CheckVerdict.NOT_EVALUATED if blind else _verdict(found))
        _show(target.url or target.name, found, everything=everything, as_json=as_json)
    verdict = next(v for v in GRAVITY if v in whole)
    if not as_json:
        colour, text = _WHOLE[verdict]
        click.echo(f"\n{click.style(text, fg=colour, bold=True)}.")
    sys.exit(EXIT_CODES[verdict])


def _targets(host: PluginHost, url: str | None, log: str) -> tuple[Target, ...]:
    """The server at a URL, else those of this machine, else one that stands for what is installed."""
    import attrs

    from vmon_core.records import Target
    from vmon_core.watching import target_at

    if url:
        target = target_at(url, host)
        return (attrs.evolve(target, log=log or target.log),)
    return host.hooks.targets() or (Target(name="no server runs here; what is installed", log=log),)


def _verdict(checks: Sequence[CompatibilityCheck]) -> CheckVerdict:
    """The gravest verdict; what is not evaluated is a blind spot and no bad news."""
    found = {check.verdict for check in checks}
    return next((v for v in (CheckVerdict.FAILURE, CheckVerdict.WARNING) if v in found), CheckVerdict.OK)


def _show(title: str, checks: Sequence[CompatibilityCheck], *, everything: bool, as_json: bool) -> None:
    """Print a section: what is amiss, what is blind, and, when asked for, what is in order."""
    from vmon_core.checking import ORDER
    from vmon_core.report import check_dict

    if as_json:
        for check in checks:
            emit_json({"about": title, **check_dict(check)})
        return
    fine = sum(check.verdict is CheckVerdict.OK for check in checks)
    click.echo(f"\n{click.style(title, bold=True)}: {fine} of {len(checks)} in order")
    for check in sorted(checks, key=lambda check: ORDER.index(check.verdict)):
        if everything or check.verdict is not CheckVerdict.OK:
            click.echo("\n".join(f"  {line}" for line in check_lines(check)))
