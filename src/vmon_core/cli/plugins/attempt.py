"""`vmon plugins try`: run a code string once."""

from __future__ import annotations

import json
import sys
from typing import Any

import attrs
import click

from vmon_core.cli.common import emit_json, json_option
from vmon_core.cli.plugins.code import code_of, plugin_of, problem_lines, source_options, target_option
from vmon_core.feedback.terminal import printable


@click.command("try")
@source_options
@target_option
@json_option
def command(target: str, as_json: bool, **code: Any) -> None:  # noqa: ANN401 (each option has its own type)
    """Check the code in FILE and run it once, on what a running monitor sees now or on an example; nothing is kept.

    \b
    Exit code:  0 it could be created     1 something is wrong

    \b
    Example:  vmon plugins try --type guardrail --action notify -e "return checkpoint.state == 'HUNG'"
    """
    trial = code_of(target).attempt(plugin_of("trial", **code))
    if as_json:
        emit_json(attrs.asdict(trial))
    else:
        click.echo(f"value    {json.dumps(trial.value)}\ntime     {trial.seconds * 1000:.1f} ms")
        if trial.printed:
            lines = [printable(line) for line in trial.printed.rstrip().split("\n")]
            click.echo("printed  " + "\n         ".join(lines))
        click.echo("\n".join(problem_lines(trial.problems)) or "all is well")
    sys.exit(1 if trial.problems else 0)
