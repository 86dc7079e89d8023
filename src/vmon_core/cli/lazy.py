"""A group of commands that knows their names and help texts, and imports a command only when it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used.

    Args:
        table: module and help of each command by name, in the order in which `--help` lists them; the module's
            `command` is the command.
        options: those of `click.Group`.
    """

    def __init__(self, *options: Any, table: Mapping[str, tuple[str, str]], **more: Any) -> None:  # noqa: ANN401 (click's)
        super().__init__(*options, **more)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands of the table and those that were added."""
        return [*self.table, *(name for name in super().list_commands(ctx) if name not in self.table)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name in self.table:
            module = importlib.import_module(self.table[cmd_name][0])
            command: click.Command = module.command
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:  # noqa: ANN401 (click's own signature)
        """Find a command; a mistyped name is answered with the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            msg = f"there is no command {args[0]!r}.{hint}"
            raise click.UsageError(msg, ctx=error.ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the help texts that are known without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])
