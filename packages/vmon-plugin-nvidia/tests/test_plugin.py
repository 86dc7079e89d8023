"""The plugin as a whole."""

from __future__ import annotations

from vmon_plugin_nvidia.plugin import plugin


def test_it_says_who_it_is() -> None:
    """Its name is that of its entry point."""
    assert plugin.vmon_plugin_info().name == "nvidia"
