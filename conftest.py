"""Gives the examples in docstrings the names that a plugin author has imported."""

from __future__ import annotations

from typing import Any

import click
import pytest

from vmon_core import plugin, records
from vmon_core.lifecycle import states

SOURCES = (plugin, records, states)
"""The modules that an author imports from; the examples use what they define."""


@pytest.fixture(autouse=True)
def _author_names(doctest_namespace: dict[str, Any]) -> None:
    """Let examples begin where an author's module begins: after its imports."""
    doctest_namespace["click"] = click
    for module in SOURCES:
        doctest_namespace.update({name: value for name, value in vars(module).items() if not name.startswith("_")})
