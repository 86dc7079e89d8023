"""The plugin, as a monitor uses it."""

from __future__ import annotations

import pytest
from vmon_core import Sample, Target, VLLMMonitor, setup_plugin_system
from vmon_core.records import Frame, Tick

from {{ cookiecutter.module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.module }}.plugin import LOAD, {{ cookiecutter.__class }}Plugin


@pytest.fixture
def monitor() -> VLLMMonitor:
    """A monitor with this plugin alone; it does not run, so a test hands it frames."""
    made = VLLMMonitor()
    made.register_plugin({{ cookiecutter.__class }}Plugin())
    return made


def codes(monitor: VLLMMonitor, time: float, load: float) -> list[tuple[str, bool]]:
    """What is found after one more measurement: codes, and whether each is over."""
    monitor.pipeline.advance(Frame(time, samples=(Sample(LOAD, load, time, unit="tasks"),)))
    return [(finding.code, finding.cleared) for finding in monitor.get_lifecycle_report().findings]


def test_it_is_installed() -> None:
    """The entry point leads to a plugin that nothing speaks against."""
    host = setup_plugin_system()
    assert "{{ cookiecutter.name }}" in [p.info.name for p in host.plugins], host.report.rejected


def test_collector_measures() -> None:
    """One sample, at the time of the tick."""
    (sample,) = {{ cookiecutter.__class }}Plugin().vmon_collect(Tick(7.0, Target(name="test")))
    assert (sample.name, sample.time) == (LOAD, 7.0)
    assert sample.value >= 0


def test_too_much_is_found_and_is_over_again(monitor: VLLMMonitor) -> None:
    """The finding is told once when it begins and once when it is over."""
    code, limit = "{{ cookiecutter.name }}.overloaded", {{ cookiecutter.__class }}Config().max_load
    assert codes(monitor, 1.0, limit) == []
    assert codes(monitor, 3.0, limit + 1) == [(code, False)]
    assert codes(monitor, 5.0, limit + 2) == [(code, False)]
    assert codes(monitor, 7.0, 0.0) == [(code, False), (code, True)]


def test_nonsense_in_the_configuration_is_refused() -> None:
    """A mistake is an error at the start."""
    with pytest.raises(ValueError, match="max_load"):
        {{ cookiecutter.__class }}Config(max_load=0)
