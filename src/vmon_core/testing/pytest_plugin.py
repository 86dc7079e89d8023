"""Fixtures for the tests of plugins; pytest loads this module by its entry point, so it imports what it needs late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmon_core.pipeline.window import Window
    from vmon_core.plugin import PluginInfo
    from vmon_core.records import Checkpoint, Tick
    from vmon_core.testing.fakes import FakeHost

MARKER = "vmon_installed"
"""Marks a test that wants the plugins which are really installed."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that keeps installed plugins out of tests."""
    text = f"refuse to discover installed vmon plugins in tests that are not marked with {MARKER}"
    parser.addini("vmon_only_own_plugins", text, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{MARKER}: may discover the vmon plugins that are installed")


@pytest.fixture(autouse=True)
def _vmon_discovery(request: pytest.FixtureRequest) -> None:
    """Refuse discovery where the project's settings ask for it and the test does not ask otherwise."""
    if request.config.getini("vmon_only_own_plugins") and not request.node.get_closest_marker(MARKER):
        request.getfixturevalue("vmon_no_discovery")


@pytest.fixture
def vmon_no_discovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the discovery of installed plugins fail the test: a test means the plugins that it registers itself."""
    import importlib_metadata  # noqa: PLC0415 (see the top)

    from vmon_core.plugin import ENTRY_POINT_GROUP  # noqa: PLC0415

    real = importlib_metadata.entry_points

    def entry_points(**wanted: Any) -> Any:  # noqa: ANN401 (as the real one)
        if wanted.get("group") == ENTRY_POINT_GROUP:
            pytest.fail(f"this test discovers the plugins installed here; mark it with {MARKER} if it means to")
        return real(**wanted)

    monkeypatch.setattr(importlib_metadata, "entry_points", entry_points)


@pytest.fixture
def vmon_host(tmp_path: Path) -> FakeHost:
    """A host that writes down what a plugin emits and says; its `data_dir` is the test's own folder."""
    from vmon_core.testing.fakes import FakeHost  # noqa: PLC0415 (see the top)

    return FakeHost(tmp_path)


@pytest.fixture
def vmon_tick() -> Tick:
    """A tick for a deployment of which nothing is known; `make_tick` makes others."""
    from vmon_core.testing.fakes import make_tick  # noqa: PLC0415

    return make_tick()


@pytest.fixture
def vmon_window() -> Window:
    """A window with nothing in it yet; `make_window` makes others."""
    from vmon_core.testing.fakes import make_window  # noqa: PLC0415

    return make_window()


@pytest.fixture
def vmon_checkpoint() -> Checkpoint:
    """A checkpoint of a deployment of which nothing is known; `make_checkpoint` makes others."""
    from vmon_core.testing.fakes import make_checkpoint  # noqa: PLC0415

    return make_checkpoint()


@pytest.fixture
def check_plugin() -> Callable[..., PluginInfo]:
    """The contract that every plugin keeps; call it with the plugin."""
    from vmon_core.testing.contract import check_plugin as check  # noqa: PLC0415

    return check
