"""What is concluded."""

from __future__ import annotations

import pytest
from vmon_core import Sample, VLLMMonitor
from vmon_core.records import Frame
from vmon_core.testing import make_window
from vmon_core.testing.fakes import NOW

from {{ cookiecutter.__module }}.config import {{ cookiecutter.__class }}Config
from {{ cookiecutter.__module }}.plugin import WATCHED, {{ cookiecutter.__class }}Plugin

LIMIT = {{ cookiecutter.__class }}Config().warn_above


@pytest.mark.parametrize(("value", "findings"), [(LIMIT, 0), (LIMIT + 1, 1)])
def test_too_much_is_found(value: float, findings: int) -> None:
    """Only what is above the limit is too much."""
    window = make_window(Sample(WATCHED, value, NOW))
    assert len(list({{ cookiecutter.__class }}Plugin().vmon_analyze(window))) == findings


def test_finding_begins_and_ends() -> None:
    """In a monitor, it is told once when it begins and once when it is over."""
    monitor = VLLMMonitor()
    monitor.register_plugin({{ cookiecutter.__class }}Plugin())
    for time, value in enumerate((LIMIT + 1, LIMIT + 2, 0.0), start=1):
        monitor.pipeline.advance(Frame(time, samples=(Sample(WATCHED, value, time),)))
    found = monitor.get_lifecycle_report().findings
    assert [(finding.code, finding.cleared) for finding in found] == [
        ("{{ cookiecutter.__word }}.too_much", False),
        ("{{ cookiecutter.__word }}.too_much", True),
    ]
