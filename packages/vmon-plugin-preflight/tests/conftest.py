"""Launches for the tests, and what the rules say about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from vmon_core.plugin import LaunchRequest
from vmon_plugin_preflight.prediction import read_launch
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vmon_core.devices import Device
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.rule import Rule


class MakeLaunch(Protocol):
    """Makes a launch of `vllm serve` on a machine whose files are in the test's own folder."""

    def __call__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        devices: tuple[Device, ...] = (),
        version: str = "0.32.0+cpu",
    ) -> Launch:
        """Make it."""


@pytest.fixture
def make_launch(tmp_path: Path) -> MakeLaunch:
    """Launches on a machine whose `/` is `tmp_path`."""

    def make(
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        devices: tuple[Device, ...] = (),
        version: str = "0.32.0+cpu",
    ) -> Launch:
        command = (install_vllm(tmp_path, version), "serve", *arguments)
        request = LaunchRequest(command=command, environment=dict(environment or {}), directory=tmp_path)
        return read_launch(request, devices, tmp_path)

    return make


def install_vllm(root: Path, version: str) -> str:
    """Write the files by which a vLLM is found; returns the path of its script inside of `root`."""
    site = "venv/lib/python3.11/site-packages"
    metadata = f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n"
    files = {f"{site}/vllm-{version}.dist-info/METADATA": metadata, f"{site}/vllm/__init__.py": ""}
    write_tree(root, files | {"venv/bin/vllm": "#!/venv/bin/python\n"})
    return "/venv/bin/vllm"


class Verdicts(Protocol):
    """Says what a rule concludes, in short."""

    def __call__(self, rule: Rule, launch: Launch) -> dict[str, str]:
        """Codes and verdicts."""


@pytest.fixture
def verdicts() -> Verdicts:
    """Codes and verdicts of one rule."""
    return lambda rule, launch: {check.code: str(check.verdict) for check in rule.run(launch)}
