"""The plugin's table: its defaults, its secret, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.host.settings import settings
from vmon_plugin_vllm.config import VllmConfig

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_table() -> None:
    """Every value has a default."""
    assert settings(VllmConfig, {}) == VllmConfig()


def test_key_comes_from_a_file_and_is_not_shown(tmp_path: Path) -> None:
    """Who prints the configuration does not print the key."""
    (tmp_path / "key").write_text("sk-very-secret\n")
    config = settings(VllmConfig, {"api_key": {"file": str(tmp_path / "key")}})
    assert config.api_key == "sk-very-secret"
    assert "secret" not in repr(config)


@pytest.mark.parametrize("name", ["timeout", "scrape_interval", "log_interval"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), 3601, "soon"])
def test_times_that_are_none(name: str, value: object) -> None:
    """An interval of nothing would keep a core busy, a negative time-out fail every request: told at the start."""
    with pytest.raises(ValueError, match=name):
        settings(VllmConfig, {name: value})


def test_unknown_key() -> None:
    """A slip of the pen is told with its name."""
    with pytest.raises(ValueError, match="scrape_intervall"):
        settings(VllmConfig, {"scrape_intervall": 2.0})
