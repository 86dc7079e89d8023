"""`vmon demo`: everything once, on a stand-in server, in under a minute."""

from __future__ import annotations

import sys

import click

from vmon_core.cli.common import json_option, load_config


@click.command("demo")
@click.option("--real", metavar="VLLM", help="Use this vllm executable instead of the stand-in.")
@click.option("--model", help="The model for --real.", metavar="PATH")
@json_option
def command(real: str | None, model: str | None, as_json: bool) -> None:
    """Watch a server start, serve, hang, recover and stop; then print the report.

    The engine is stopped by a signal while requests are in flight: /health keeps saying 200, vmon does not. A guardrail
    proposes to notify people; the gate is in mode observe, so it is noted and not done. Then the engine goes on, and
    the server is stopped cleanly.
    """
    from vmon_core.cli.live import make_view
    from vmon_core.demo import Demo

    if bool(real) != bool(model):
        msg = "--real and --model go together"
        raise click.UsageError(msg)
    sys.exit(Demo(load_config(), make_view(as_json=as_json)).run(real, model))
