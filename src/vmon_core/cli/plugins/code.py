"""What the commands about code plugins share: whom they ask, and how they show what is wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import attrs
import click

from vmon_core.cli.common import emit_json, load_config, load_host
from vmon_core.feedback.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmon_core.config import Config
    from vmon_core.dynamic import CodePlugin, CodePlugins, CodeRejectedError, Problem
    from vmon_core.host.plugin_host import PluginHost

target_option = click.option(
    "--target", default="", metavar="NAME", help="The monitor that watches NAME, or has this process id."
)
"""Which running monitor is meant, when several run."""

_KINDS = ("collector", "analyzer", "guardrail", "lifecycle", "intervention", "exporter")


def source_options(function: Any) -> Any:  # noqa: ANN401 (a click decorator)
    """Add what says of which code the plugin is made."""
    for decorate in (
        click.option("--interval", type=float, metavar="SECONDS", help="Between two runs of a collector."),
        click.option(
            "--cooldown", type=float, metavar="SECONDS", help="After a guardrail's proposal, before the next."
        ),
        click.option("--hold-for", type=float, metavar="SECONDS", help="That a guardrail must hold before it counts."),
        click.option("--function", "functions", multiple=True, metavar="NAME", help="The only functions it may call."),
        click.option("--action", "actions", multiple=True, metavar="KIND", help="An action that it may propose."),
        click.option("--description", metavar="TEXT", help="One line on what it is for."),
        click.option("-e", "--execute", metavar="CODE", help="The code itself, instead of FILE."),
        click.option("--type", "kind", type=click.Choice(_KINDS), help="What the code is asked for."),
        click.argument("file", required=False, type=click.File(encoding="utf-8")),
    ):
        function = decorate(function)
    return function


def plugin_of(name: str, *, kind: str | None, file: Any, execute: str | None, **options: Any) -> CodePlugin:  # noqa: ANN401 (an open file; each option has its own type)
    """The plugin that the options describe.

    Raises:
        click.UsageError: they do not describe one.
    """
    from vmon_core.host.dynamic import code_plugin

    if kind is None:
        msg = f"say with --type what the code is asked for: {', '.join(_KINDS)}"
        raise click.UsageError(msg)
    if (file is None) == (execute is None):
        msg = "give the code as FILE (- for standard input), or with -e"
        raise click.UsageError(msg)
    code = str(execute if file is None else file.read())
    return code_plugin(name, kind, code, **{key: value for key, value in options.items() if value not in (None, ())})


def code_of(target: str = "") -> CodePlugins:
    """The code plugins of the running monitor; when none runs, those that the journal keeps.

    Raises:
        VmonError: the monitor that is meant does not run, or several could be meant.
    """
    from vmon_core.control.client import running_monitor, running_monitors
    from vmon_core.control.code import RemoteCode

    config = load_config()
    if target or running_monitors(config.data_dir):
        return RemoteCode(running_monitor(config.data_dir, target).client)
    from vmon_core.journal import Journal

    host = load_host(config)
    host.code.documents = Journal.from_config(config).documents
    return host.code


def created(plugin: CodePlugin, target: str, *, as_json: bool) -> None:
    """Make a plugin and say so; exit with 1 when it is refused."""
    from vmon_core.dynamic import CodeRejectedError

    try:
        kept = code_of(target).create(plugin)
    except CodeRejectedError as error:
        refused(error, as_json=as_json)
    else:
        in_use(kept, as_json=as_json)


def in_use(plugin: CodePlugin, *, as_json: bool) -> None:
    """Say which version is in use now."""
    if as_json:
        emit_json(attrs.asdict(plugin))
    else:
        click.echo(f"{plugin.name} version {plugin.version} is in use")


def refused(error: CodeRejectedError, *, as_json: bool) -> None:
    """Show what is wrong, and exit with 1."""
    if as_json:
        emit_json({"name": error.name, "problems": [attrs.asdict(problem) for problem in error.problems]})
    else:
        click.echo("\n".join([f"{error.name} is refused", *problem_lines(error.problems)]), err=True)
    sys.exit(1)


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """What is wrong, a line each, with what helps below it."""
    lines = []
    for problem in problems:
        where = f"line {problem.line}: " if problem.line is not None else ""
        lines.append(f"  {where}{printable(problem.message)} ({problem.code})")
        lines += [f"    {printable(problem.help)}"] if problem.help else []
    return lines


def code_plugins(host: PluginHost, config: Config) -> list[Mapping[str, Any]]:
    """The code plugins of running monitors, or else those that the journal keeps."""
    from vmon_core.control.client import running_monitors

    running = running_monitors(config.data_dir)
    if running:
        return [each for monitor in running for each in monitor.client.call("code.list")]
    if not config.journal_path.exists():
        return []
    from vmon_core.journal import Journal

    host.code.documents = Journal(config.journal_path, read_only=True).documents
    return list(host.code_plugins())


def print_code_plugins(plugins: Iterable[Mapping[str, Any]], *, as_json: bool) -> None:
    """Show code plugins below those that were loaded."""
    for plugin in plugins:
        if as_json:
            emit_json({"loaded": True, "origin": "code string", **plugin})
            continue
        name = click.style(f"{plugin['name']:<16}", fg="red" if plugin["disabled"] else "green")
        summary = printable(plugin["description"]) or f"a {plugin['kind']} of {plugin['owner']}"
        click.echo(f"{name} {plugin['version']:<10} {summary} (code string, {plugin['status']})")
