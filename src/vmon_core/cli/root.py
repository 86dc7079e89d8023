"""The root of the command line: it knows the names of the commands and loads each one when it is asked for."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click
import importlib_metadata as metadata

from vmon_core.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = {
    "run": ("vmon_core.cli.run", "Start a vLLM server and follow it to its clean end."),
    "check": ("vmon_core.cli.check", "Predict whether a launch can work, before it is tried."),
    "watch": ("vmon_core.cli.watch", "Watch a server that already runs."),
    "status": ("vmon_core.cli.status", "Show what state each known deployment is in."),
    "report": ("vmon_core.cli.report", "Report how a deployment's life went."),
    "events": ("vmon_core.cli.events", "Print what happened, oldest first."),
    "replay": ("vmon_core.cli.replay", "Run a recording through the pipeline again."),
    "doctor": ("vmon_core.cli.doctor", "Say what vmon can and cannot see, and why."),
    "devices": ("vmon_core.cli.devices", "List the GPUs of this machine and how they are."),
    "plugins": ("vmon_core.cli.plugins", "List, check, enable, disable and pin plugins."),
    "config": ("vmon_core.cli.config", "Show, check and explain the configuration."),
    "demo": ("vmon_core.cli.demo", "Watch a stand-in server start, hang, recover and stop."),
    "completion": ("vmon_core.cli.completion", "Print the shell completion script."),
}
"""Name, module and help of each built-in command, in the order in which `--help` lists them."""


class RootGroup(LazyGroup):
    """The built-in commands, and those that plugins add."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command; plugins are loaded only for a name that is not built in."""
        if cmd_name not in self.table and not self.commands:
            _add_plugin_commands(self)
        return super().get_command(ctx, cmd_name)


def _add_plugin_commands(group: click.Group) -> None:
    """Ask the plugins for commands."""
    from vmon_core.cli.common import load_host

    with _standard_output_kept_clean():
        load_host().hooks.commands(group)


@contextlib.contextmanager
def _standard_output_kept_clean() -> Iterator[None]:
    """Send what plugins and their children print to standard error: a program may read the command's own output."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"vmon {metadata.version('vmon-core')}")
        ctx.exit()


@click.group(
    cls=RootGroup,
    table=COMMANDS,
    epilog="Plugins add commands of their own: `vmon plugins info NAME` names those of one.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Show the version.")
@click.option("--config", type=click.Path(dir_okay=False), help="Configuration file (TOML).", metavar="FILE")
@click.option("--safe-mode", is_flag=True, help="Load no plugin, to see whether one is the trouble.")
@click.pass_context
def cli(ctx: click.Context, config: str | None, safe_mode: bool) -> None:
    """Watch a vLLM deployment from its first log line to verified clean-up.

    \b
    Start a server and follow it:     vmon run -- vllm serve MODEL --port 8000
    Before that, see if it can work:  vmon check -- vllm serve MODEL --port 8000
    Watch one that already runs:      vmon watch http://127.0.0.1:8000
    Once, for a script:               vmon watch --once --json URL
    See what happened:                vmon report
    Try it without a GPU or a model:  vmon demo
    """
    from vmon_core.cli.text import colour

    del safe_mode  # read where the configuration is
    ctx.obj = config
    ctx.color = colour()
