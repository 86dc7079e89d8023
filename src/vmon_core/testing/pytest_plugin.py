"""Fixtures for the tests of plugins; pytest loads this module by its entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.plugin import PluginInfo


@pytest.fixture
def check_plugin() -> Callable[[object], PluginInfo]:
    """The contract that every plugin keeps; call it with the plugin."""
    from vmon_core.testing.contract import check_plugin as check  # noqa: PLC0415 (pytest loads this module everywhere)

    return check
