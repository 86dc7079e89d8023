"""`vmon check`: predict whether a launch can work, before it is tried."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import emit_json, json_option, load_config
from vmon_core.errors import VmonError
from vmon_core.records import CheckVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.checking import Prediction
    from vmon_core.config import Config
    from vmon_core.records import CompatibilityCheck

MISUSED = 64
"""The exit code for mistakes in the use of the command (EX_USAGE of sysexits.h): 1 and 2 are verdicts here."""

_COLOURS = {
    CheckVerdict.OK: "green",
    CheckVerdict.WARNING: "yellow",
    CheckVerdict.FAILURE: "red",
    CheckVerdict.NOT_EVALUATED: "cyan",
}

_NAMES = {CheckVerdict.NOT_EVALUATED: "not evaluated"}

_WHOLE = {
    CheckVerdict.OK: "Nothing speaks against this launch",
    CheckVerdict.WARNING: "It can start",
    CheckVerdict.FAILURE: "It will fail",
    CheckVerdict.NOT_EVALUATED: "Whether it can start could not be told",
}


class Misuse(click.UsageError):
    """A usage mistake with an exit code that is no verdict."""

    exit_code = MISUSED


class CheckCommand(click.Command):
    """A command whose usage mistakes have an exit code of their own."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 (passed on as it is)
        """Parse the command's options."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise Misuse(error.message, error.ctx) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except VmonError as error:
            click.echo(f"vmon: {error}", err=True)
            ctx.exit(MISUSED)


@click.command("check", cls=CheckCommand, context_settings={"allow_interspersed_args": False})
@click.option("--explain", metavar="CODE", help="Explain what a code means, and check nothing.")
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check a Kubernetes manifest as well; COMMAND may be left out then.",
)
@click.option("--network/--no-network", default=None, help="Let checks ask the network; default: as configured, no.")
@click.option("--all", "everything", is_flag=True, help="Show what is in order, too.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code tells.")
@json_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(
    explain: str | None,
    manifest: Path | None,
    network: bool | None,
    everything: bool,
    quiet: bool,
    as_json: bool,
    command: tuple[str, ...],
) -> None:
    """Predict whether COMMAND (a vLLM server) can start here: within a second, and without starting anything.

    The command line is read as the installed vLLM would read it, and held against this machine, its environment and
    the model's files. Each line tells a code, what was found, and what to do; `--explain CODE` tells more.

    \b
    Exit code:  0 nothing speaks against it   1 warnings    2 it will fail
                3 could not be told           64 vmon check itself was misused

    \b
    Example:     vmon check -- vllm serve Qwen/Qwen3-8B --tensor-parallel-size 2
    In a script: vmon check -q -- vllm serve MODEL; [ $? -ne 2 ] && vllm serve MODEL
    """
    config = load_config()
    if explain:
        click.echo(_explanation(config, explain))
        return
    if not command and manifest is None:
        msg = "what is to be checked? Write the command after `--`: vmon check -- vllm serve MODEL"
        raise Misuse(msg)
    from vmon_core.checking import EXIT_CODES, check_launch
    from vmon_core.report import check_dict

    prediction = check_launch(
        command,
        config=config,
        manifest=manifest,
        network=config.check.network if network is None else network,
        seconds=config.check.deadline,
    )
    if as_json and not quiet:
        for check in prediction.checks:
            emit_json(check_dict(check))
    elif not quiet:
        click.echo("\n".join(prediction_lines(prediction, everything=everything)))
    sys.exit(EXIT_CODES[prediction.verdict])


def _explanation(config: Config, code: str) -> str:
    from textwrap import fill

    from vmon_core.cli.common import load_host

    text = load_host(config).hooks.explain(code)
    if text is None:
        msg = f"no plugin knows the code {code!r}; codes are printed by `vmon check --all -- COMMAND`"
        raise VmonError(msg)
    lines = (fill(line, width=100, break_on_hyphens=False) for line in text.splitlines())
    return "\n".join([click.style(code, bold=True), "", *lines])


def prediction_lines(prediction: Prediction, *, everything: bool = False) -> Iterator[str]:
    """A prediction for people: each check, and the verdict on the whole."""
    for check in prediction.checks:
        if everything or check.verdict is not CheckVerdict.OK:
            yield from check_lines(check)
    yield f"{_whole(prediction)}."


def check_lines(check: CompatibilityCheck) -> Iterator[str]:
    """One check: its verdict, code and sentence, what it rests on, and what to do."""
    name = _NAMES.get(check.verdict, check.verdict.value)
    yield f"{click.style(name, fg=_COLOURS[check.verdict])}  {click.style(check.code, bold=True)}: {check.summary}"
    yield from (f"    {line}" for line in check.evidence)
    if check.fix:
        yield f"    {click.style('fix:', bold=True)} {check.fix}"


def _whole(prediction: Prediction) -> str:
    counts = {verdict: len(prediction.of(verdict)) for verdict in CheckVerdict}
    told = [f"{number} {_NAMES.get(verdict, verdict.value)}" for verdict, number in counts.items() if number]
    text = click.style(_WHOLE[prediction.verdict], fg=_COLOURS[prediction.verdict], bold=True)
    return f"{text}: {', '.join(told)}" if told else text
