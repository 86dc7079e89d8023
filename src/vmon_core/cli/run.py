"""`vmon run`: start a server, follow it, bring it to a clean end."""

from __future__ import annotations

import sys

import click

from vmon_core.cli.common import json_option, load_config


@click.command("run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--name", help="How to call this deployment; default: taken from the model.", metavar="NAME")
@click.option("--adopt/--no-adopt", default=True, show_default=True, help="Go on with a server of an earlier vmon run.")
@click.option(
    "--check/--no-check", default=None, help="Predict first whether it can work; default: as configured, yes."
)
@json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def command(name: str | None, adopt: bool, check: bool | None, as_json: bool, command: tuple[str, ...]) -> None:
    """Start COMMAND (a vLLM server) and follow it from its first log line to verified clean-up.

    The server writes its log to a file, so it lives on when vmon is killed; the next `vmon run` of the same command
    finds it and goes on. Ctrl-C and SIGTERM stop the server; what it does not obey in time is repeated, then enforced.

    Before the start, `vmon check` looks at it for some seconds at most; what is predicted to fail is told, and, as
    configured, refused.

    \b
    Exit code:  0 stopped cleanly     3 failed to start     4 crashed
                5 killed              6 something was left behind

    \b
    Example:  vmon run -- vllm serve Qwen/Qwen3-8B --port 8000
    """
    from vmon_core.cli.live import make_view
    from vmon_core.cli.memory import share_one_arena
    from vmon_core.running import Runner

    share_one_arena()
    runner = Runner(load_config(), make_view(as_json=as_json), name=name or "", adopt=adopt, check=check)
    sys.exit(runner.run(command))
