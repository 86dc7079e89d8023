"""`vmon completion`: shell completion."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

_COMPLETIONS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_COMPLETIONS)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(vmon completion bash)"     in ~/.bashrc
    zsh:   eval "$(vmon completion zsh)"      in ~/.zshrc
    fish:  vmon completion fish | source      in ~/.config/fish/config.fish
    """
    completion = _COMPLETIONS[shell]
    click.echo(completion(ctx.find_root().command, {}, "vmon", "_VMON_COMPLETE").source())
