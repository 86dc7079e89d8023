"""What is measured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmon_core.testing import FakeHost, make_tick

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.plugin import LOAD, NAME, {{ cookiecutter.__class }}Plugin

if TYPE_CHECKING:
    import pytest


def test_load_is_measured(vmon_host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sample, at the time of the tick, over the minutes that the user has set."""
    monkeypatch.setattr(os, "getloadavg", lambda: (1.0, 5.0, 15.0))
    vmon_host.configure(NAME, {{ cookiecutter.__class }}Config, {"average_minutes": 5})
    plugin = {{ cookiecutter.__class }}Plugin()
    plugin.vmon_start(vmon_host)
    (sample,) = plugin.vmon_collect(make_tick(7.0))
    assert (sample.name, sample.value, sample.time, sample.unit) == (LOAD, 5.0, 7.0, "tasks")
