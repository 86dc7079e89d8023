"""The root of the command line: it knows the names of the commands and loads each one when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

import click
import importlib_metadata as metadata

COMMANDS = {
    "run": ("vmon_core.cli.run", "Start a vLLM server and follow it to its clean end."),
    "watch": ("vmon_core.cli.watch", "Watch a server that already runs."),
    "status": ("vmon_core.cli.status", "Show what state each known deployment is in."),
    "report": ("vmon_core.cli.report", "Report how a deployment's life went."),
    "events": ("vmon_core.cli.events", "Print what happened, oldest first."),
    "replay": ("vmon_core.cli.replay", "Run a recording through the pipeline again."),
    "plugins": ("vmon_core.cli.plugins", "List plugins and say why one is missing."),
    "config": ("vmon_core.cli.config", "Show, check and explain the configuration."),
    "demo": ("vmon_core.cli.demo", "Watch a stand-in server start, hang, recover and stop."),
    "completion": ("vmon_core.cli.completion", "Print the shell completion script."),
}
"""Name, module and help of each built-in command, in the order in which `--help` lists them."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the built-in commands and those that plugins added."""
        return [*COMMANDS, *(n for n in super().list_commands(ctx) if n not in COMMANDS)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import and return one command."""
        if name in COMMANDS:
            module = importlib.import_module(COMMANDS[name][0])
            command: click.Command = module.command
            return command
        if not self.commands:
            _add_plugin_commands(self)
        return super().get_command(ctx, name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:  # noqa: ANN401 (click's own signature)
        """Find a command; a mistyped name is answered with the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise _with_suggestion(error, args[0], self.list_commands(ctx)) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the help texts that are known without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _with_suggestion(error: click.UsageError, name: str, known: list[str]) -> click.UsageError:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return click.UsageError(f"there is no command {name!r}.{hint}", ctx=error.ctx)


def _add_plugin_commands(group: click.Group) -> None:
    """Ask the plugins for commands; only for a name that is not built in, since that loads them all."""
    from vmon_core.cli.common import load_host

    load_host().hooks.commands(group)


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"vmon {metadata.version('vmon-core')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Show the version.")
@click.option("--config", type=click.Path(dir_okay=False), help="Configuration file (TOML).", metavar="FILE")
@click.option("--safe-mode", is_flag=True, help="Load no plugin, to see whether one is the trouble.")
@click.pass_context
def cli(ctx: click.Context, config: str | None, safe_mode: bool) -> None:
    """Watch a vLLM deployment from its first log line to verified clean-up.

    \b
    Start a server and follow it:     vmon run -- vllm serve MODEL --port 8000
    Watch one that already runs:      vmon watch http://127.0.0.1:8000
    Once, for a script:               vmon watch --once --json URL
    See what happened:                vmon report
    Try it without a GPU or a model:  vmon demo
    """
    from vmon_core.cli.text import colour

    del safe_mode  # read where the configuration is
    ctx.obj = config
    ctx.color = colour()
