"""The plugin: its hooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vmon_core.devices import Device
from vmon_core.plugin import LaunchRequest
from vmon_plugin_topology.checks import EXPLANATIONS
from vmon_plugin_topology.plugin import plugin


def test_it_says_who_it_is() -> None:
    """Its name is that of its entry point."""
    assert plugin.vmon_plugin_info().name == "topology"


def test_check_of_a_launch() -> None:
    """Devices that drivers tell are looked at, and be they on no bus."""
    devices = tuple(Device(kind="example", index=number, model="x") for number in range(2))
    launch = LaunchRequest(command=("vllm", "serve", "m", "-tp", "2"), environment={}, directory=Path())
    found = {check.code: check.verdict for check in plugin.vmon_check(launch, devices)}
    assert found["topology.parallel_path"] == "not_evaluated"


def test_each_code_is_explained() -> None:
    """And no other."""
    assert all(plugin.vmon_explain(code) for code in EXPLANATIONS)
    assert plugin.vmon_explain("memory.too_small") is None


def test_nothing_is_imported_with_the_plugin() -> None:
    """The command line loads every plugin for each command, and must start fast."""
    code = "import sys, vmon_plugin_topology.plugin; sys.exit('vmon_plugin_topology.graph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
