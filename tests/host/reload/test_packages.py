"""Reload of plugins from installed packages: all their modules are imported anew, or all stay as they were."""

from __future__ import annotations

import compileall
import sys
from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.config import Config, PluginsConfig
from vmon_core.config.options import Distributions
from vmon_core.errors import PluginError
from vmon_core.host.fresh import forget
from vmon_core.host.plugin_host import PluginHost
from vmon_core.monitor import VLLMMonitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLUGIN = """
from fresh_package import parts
from vmon_core.plugin import PluginInfo, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="fresh", version=parts.VERSION)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an installed package with a plugin; its version is in a module of its own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    info = tmp_path / "fresh_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fresh-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vmon.plugins]\nfresh = fresh_package.plugin\n")
    root = tmp_path / "fresh_package"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "plugin.py").write_text(PLUGIN)
    (root / "parts.py").write_text('VERSION = "1.0"\n')
    yield root
    forget("fresh_package")


@pytest.fixture
def monitor(package: Path) -> Iterator[VLLMMonitor]:
    """A monitor with that plugin, among whatever is installed here."""
    host = PluginHost()
    host.load()
    with VLLMMonitor(host=host) as running:
        yield running
    for plugin in host.plugins:
        host.unregister(plugin.info.name)


def test_every_module_is_imported_anew(package: Path, monitor: VLLMMonitor) -> None:
    """Also when a save has the size and the second of the one before, by which compiled files are told apart."""
    for version in ("1.1", "1.2", "1.3"):
        (package / "parts.py").write_text(f'VERSION = "{version}"\n')
        assert monitor.reloader.reload("fresh").new == version


def test_child_process_compiles_anew_too(package: Path) -> None:
    """Its modules are imported in another process, where the file compiled before would be trusted."""
    plugins = PluginsConfig(isolated=("fresh",))
    host = PluginHost(config=plugins)
    host.load()
    with VLLMMonitor(host=host, config=Config(plugins=plugins)) as monitor:
        for version in ("1.1", "1.2", "1.3"):
            (package / "parts.py").write_text(f'VERSION = "{version}"\n')
            compileall.compile_file(package / "parts.py", quiet=1)
            (package / "parts.py").write_text(f'VERSION = "{version[::-1]}"\n')
            assert monitor.reloader.reload("fresh").new == version[::-1]
    for plugin in host.plugins:
        host.unregister(plugin.info.name)


def test_version_that_is_blocked_is_not_taken(monitor: VLLMMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What speaks against a plugin at the start speaks against it later as well."""
    blocked = attrs.evolve(monitor.config.plugins, blocked={Distributions("fresh-package<99"): "it hangs"})
    monkeypatch.setattr(monitor.plugin_manager.loader, "_config", blocked)
    with pytest.raises(PluginError, match=r"is blocked by the configuration .*it hangs"):
        monitor.reloader.reload("fresh")


def test_failure_brings_all_modules_back(package: Path, monitor: VLLMMonitor) -> None:
    """Those that were imported anew before the failure are gone again."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("fresh_package")}
    (package / "parts.py").write_text("VERSION = 1 / 0\n")
    with pytest.raises(PluginError, match="division by zero"):
        monitor.reloader.reload("fresh")
    assert {name: module for name, module in sys.modules.items() if name.startswith("fresh_package")} == before


def test_change_of_any_module_is_followed(package: Path, monitor: VLLMMonitor) -> None:
    """The watch of a folder with an editable package hands over the package that a file belongs to."""
    (package / "parts.py").write_text('VERSION = "2.0"\n')
    subject = monitor.reloader.subject(package.resolve() / "parts.py")
    assert subject == package.resolve()
    done = monitor.reloader.follow(subject)
    assert done is not None
    assert done.new == "2.0"
