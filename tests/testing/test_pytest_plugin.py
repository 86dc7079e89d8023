"""The fixtures that an author's tests get by installing vmon-core."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

FIXTURES = '''
"""All the fixtures."""


def test_fixtures(vmon_host, vmon_tick, vmon_window, vmon_checkpoint, check_plugin):
    """Each of them knows nothing yet."""
    assert vmon_host.data_dir.is_dir()
    assert vmon_tick.target.name == vmon_checkpoint.target == "nobody"
    assert vmon_window.latest("a.b") is None
    assert callable(check_plugin)
'''

DISCOVERY = """
import pytest
from vmon_core import setup_plugin_system


def test_by_accident():
    setup_plugin_system()


@pytest.mark.vmon_installed
def test_on_purpose():
    setup_plugin_system()
"""


def test_fixtures_know_nothing(pytester: pytest.Pytester) -> None:
    """An author begins with nothing and adds what the test is about."""
    pytester.makepyfile(FIXTURES)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_discovery_is_refused_where_a_project_asks_for_it(pytester: pytest.Pytester) -> None:
    """The one test that does not say so fails, and is told what to write."""
    pytester.makepyfile(DISCOVERY)
    pytester.makeini("[pytest]\nvmon_only_own_plugins = true\naddopts = --strict-markers")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*mark it with vmon_installed if it means to"])


def test_discovery_is_free_by_default(pytester: pytest.Pytester) -> None:
    """Installing vmon-core changes nobody's tests."""
    pytester.makepyfile(DISCOVERY)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
