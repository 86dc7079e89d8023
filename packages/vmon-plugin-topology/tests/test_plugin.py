"""The plugin: its hooks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from vmon_core.devices import Device, DeviceProcess
from vmon_core.diagnosing import diagnose
from vmon_core.host.plugin_host import PluginHost
from vmon_core.plugin import LaunchRequest, PluginInfo, hookimpl
from vmon_core.records import Target
from vmon_plugin_topology.checks import EXPLANATIONS, launch_checks
from vmon_plugin_topology.machine import this_machine
from vmon_plugin_topology.plugin import TopologyPlugin, plugin


def test_it_says_who_it_is() -> None:
    """Its name is that of its entry point."""
    assert plugin.vmon_plugin_info().name == "topology"


def test_check_of_a_launch() -> None:
    """What is not known is no answer to whether a launch can start."""
    devices = tuple(Device(kind="example", index=number, model="x") for number in range(2))
    launch = LaunchRequest(command=("vllm", "serve", "m", "-tp", "2"), environment={}, directory=Path())
    assert [check for check in launch_checks(this_machine(devices), launch, devices) if "path" in check.code]
    assert all(check.verdict != "not_evaluated" for check in plugin.vmon_check(launch, devices))


def test_diagnosis_of_a_server() -> None:
    """Only of one on this machine; a GPU on no bus has no width, which is not evaluated."""
    device = Device(kind="example", index=0, processes=(DeviceProcess(os.getpid()),))
    assert list(plugin.vmon_diagnose(Target(name="far", url="http://gpu7:8000"), (device,))) == []
    codes = {check.code for check in plugin.vmon_diagnose(Target(name="here", pid=os.getpid()), (device,))}
    assert codes <= {"topology.link_width", "topology.worker_numa"}
    assert "topology.link_width" in codes


class Driver:
    """A plugin that tells one device with a process on it."""

    @hookimpl
    def vmon_plugin_info(self) -> PluginInfo:
        """Say who this is."""
        return PluginInfo(name="driver", version="1.0")

    @hookimpl
    def vmon_devices(self) -> list[Device]:
        """Tell it."""
        return [Device(kind="example", index=0, processes=(DeviceProcess(os.getpid()),))]


def test_devices_reach_the_diagnosis() -> None:
    """What `vmon doctor` says of a server includes where its processes run."""
    host = PluginHost()
    host.register(Driver())
    host.register(TopologyPlugin())
    codes = {check.code for check in diagnose(host.hooks, Target(name="here", pid=os.getpid()), {}, {})}
    assert "topology.link_width" in codes


def test_each_code_is_explained() -> None:
    """And no other."""
    assert all(plugin.vmon_explain(code) for code in EXPLANATIONS)
    assert plugin.vmon_explain("memory.too_small") is None


def test_nothing_is_imported_with_the_plugin() -> None:
    """The command line loads every plugin for each command, and must start fast."""
    code = "import sys, vmon_plugin_topology.plugin; sys.exit('vmon_plugin_topology.graph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
