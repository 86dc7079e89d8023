"""The `[plugins.sandbox]` table."""

from __future__ import annotations

from typing import Any

import pytest

from vmon_core.host.settings import settings
from vmon_plugin_sandbox.config import SandboxConfig
from vmon_plugin_sandbox.hardening.confinement import DEFAULT, Hardening


def test_the_default_is_that_of_the_engine() -> None:
    """And each of its levels is taken."""
    assert SandboxConfig().os_hardening == DEFAULT.value
    for level in Hardening:
        assert settings(SandboxConfig, {"os_hardening": level.value}).os_hardening == level.value


@pytest.mark.parametrize(
    "table", [{"os_hardening": "none"}, {"workers": 0}, {"shortest_interval": 0.1}, {"functions": ["open"]}, {"x": 1}]
)
def test_what_is_wrong_is_refused(table: dict[str, Any]) -> None:
    """With the key."""
    with pytest.raises(ValueError, match=next(iter(table))):
        settings(SandboxConfig, table)
