"""`vmon plugins create NAME --from-template`: a package of one's own for a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmon_core.template import KINDS, LICENCES, make_package

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = (
    click.option(
        "--kinds", default="collector,analyzer", metavar="LIST", help=f"Its hooks: any of {', '.join(KINDS)}."
    ),
    click.option("--licence", type=click.Choice(LICENCES), default=LICENCES[0], show_default=True, help="Its licence."),
    click.option("--summary", metavar="TEXT", help="What it does, in one line."),
    click.option("--author", metavar="TEXT", help="Who writes it."),
    click.option("--into", type=click.Path(file_okay=False, path_type=Path), default=".", help="Where to put it."),
)


def package_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `create_package` takes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def create_package(name: str, *, kinds: str, licence: str, summary: str | None, author: str | None, into: Path) -> None:
    """Make the package and say how to go on.

    Raises:
        VmonError: cookiecutter is missing, an answer is refused, or there is such a package already.
    """
    more = {key: value for key, value in (("summary", summary), ("author", author)) if value}
    folder = make_package(name, into, kinds=kinds.split(","), licence=licence, **more)
    click.echo(f"Made {folder}. Go on with:")
    click.echo(f"  cd {click.format_filename(folder)} && pip install -e . --group test && pytest && vmon plugins list")
