"""What the command prints."""

from __future__ import annotations

import click
from click.testing import CliRunner

from {{ cookiecutter.__module }}.plugin import DISTRIBUTION, NAME, {{ cookiecutter.__class }}Plugin


def test_command_shows_the_version() -> None:
    """Of the distribution that is installed."""
    group = click.Group()
    {{ cookiecutter.__class }}Plugin().vmon_commands(group)
    result = CliRunner().invoke(group, [NAME], catch_exceptions=False)
    assert result.output.startswith(DISTRIBUTION)
