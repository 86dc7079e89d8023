"""Engines for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_sandbox.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that tests share: each of its runs is alone."""
    made = Engine()
    yield made
    made.close()
