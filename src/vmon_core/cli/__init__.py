"""The `vmon` command line. Only what a command needs is imported, so that `vmon --help` is quick."""

from __future__ import annotations

import sys

from vmon_core.errors import VmonError


def main() -> None:
    """Run the command line; a user's mistake ends with one line and no traceback."""
    from vmon_core.cli.root import cli

    try:
        cli(prog_name="vmon")
    except VmonError as error:
        print(f"vmon: {error}", file=sys.stderr)  # noqa: T201 (the last thing that is said)
        sys.exit(1)
