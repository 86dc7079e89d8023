"""A host, someone who listens to it, and distributions that do not exist."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.host.plugin_host import PluginHost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmon_core.records import Severity

Distribution = "Callable[..., None]"


class Listener:
    """Keeps what the host says."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, level: Severity, source: str, text: str, **context: Any) -> None:
        """Keep it."""
        self.texts.append(f"{source}: {text}")


@pytest.fixture
def listener() -> Listener:
    """Somebody who listens."""
    return Listener()


@pytest.fixture
def host(listener: Listener) -> PluginHost:
    """A host without plugins."""
    return PluginHost(listener.say)


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes an installed distribution that announces a plugin: metadata, and a module with `code`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(  # noqa: PLR0913 (what a distribution can say)
        name: str, code: str, *, plugin: str = "", requires: str = "", version: str = "1.0", python: str = ""
    ) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        needs += f"Requires-Python: {python}\n" if python else ""
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        (info / "entry_points.txt").write_text(f"[vmon.plugins]\n{plugin or name} = {module}\n")
        sys.modules.pop(module, None)

    return make
