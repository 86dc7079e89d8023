"""Every installed plugin keeps the contract, and all of them fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.config import Config
from vmon_core.host.discovery import discover
from vmon_core.host.importing import import_plugin
from vmon_core.monitor import make_host
from vmon_core.plugin import PluginInfo, hookimpl
from vmon_core.records import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.host.resolution.records import Candidate
    from vmon_core.pipeline.window import Window


@pytest.mark.parametrize("candidate", discover(), ids=lambda c: c.name)
def test_plugin_keeps_the_contract(candidate: Candidate, check_plugin: Callable[[object], PluginInfo]) -> None:
    """It can be loaded, is called what its entry point says, and makes nothing of nothing."""
    assert check_plugin(import_plugin(candidate)).name == candidate.name


def test_all_fit_together() -> None:
    """Nothing is rejected when everything is installed."""
    assert make_host(Config()).report.rejected == ()


def test_contract_catches_alarmists(check_plugin: Callable[[object], PluginInfo]) -> None:
    """A plugin that finds something where nothing is known breaks it."""

    class Alarmist:
        @hookimpl
        def vmon_plugin_info(self) -> PluginInfo:
            return PluginInfo(name="alarmist", version="1.0")

        @hookimpl
        def vmon_analyze(self, window: Window) -> list[Finding]:
            return [Finding(code="doom", severity=Severity.CRITICAL, summary="doom", time=window.now)]

    with pytest.raises(AssertionError, match="doom"):
        check_plugin(Alarmist())
