"""Distributions that do not exist."""

from __future__ import annotations

from tests.host.conftest import distribution

__all__ = ["distribution"]
