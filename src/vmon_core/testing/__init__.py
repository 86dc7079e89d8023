"""Helpers for the tests of plugins."""

from __future__ import annotations

from vmon_core.testing.contract import check_plugin

__all__ = ["check_plugin"]
