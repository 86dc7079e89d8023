"""`vmon run` on a machine with GPUs: checkpoints name them, and the end is clean when their memory is free again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from vmon_core.device_memory import FIRST_NAMESPACE
from vmon_testkit.nvml import FakeNvml, Process, compiler
from vmon_testkit.standin.handle import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLUGIN = """
import os
from pathlib import Path
from vmon_core.devices import Device, DeviceProcess
from vmon_core.plugin import PluginInfo, hookimpl

server = 0
looks = 0

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="example", version="1.0")

@hookimpl
def vmon_start(host):
    global server
    server = host.targets[0].pid

@hookimpl
def vmon_devices():
    # The server's memory outlives it by {looks} looks.
    global looks
    looks += not Path(f"/proc/{{server}}").exists()
    held = (DeviceProcess(server, 5 << 30),) if looks <= {looks} else ()
    return [Device(kind="example", index=0, model="E1", memory_bytes=8 << 30, processes=held)]
"""


def start(folder: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `vmon run` with a stand-in, and with the plugins in a folder where there are any."""
    config = folder / "vmon.toml"
    plugins = folder / "plugins"
    plugins.mkdir(exist_ok=True)
    tables = f'[monitor]\ndata_dir = "{folder}"\n[plugins]\nfolders = ["{plugins}"]\n'
    config.write_text(tables + '[stop]\ngpu_memory_after = "1s"\n')
    command = [sys.executable, "-m", "vmon_core", "--config", str(config), "run", "--json", "--"]
    command += ["vmon-standin", "serve", "tiny", "--port", str(free_port()), "--startup-seconds", "0.5"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, **(environment or {})}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)


def end(process: subprocess.Popen[str], when_idle: Callable[[], None] = lambda: None) -> tuple[int, dict[str, Any]]:
    """Lead it to its end once it is idle; vmon's exit code and report."""
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("to") == "IDLE":
                when_idle()
                process.send_signal(signal.SIGINT)
                break
        report: dict[str, Any] = json.loads(process.stdout.read().splitlines()[-1])
    return process.returncode, report


def run(folder: Path, looks: int) -> tuple[int, dict[str, Any]]:
    """Lead a server to its end, whose GPU memory outlives it by so many looks."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "example.py").write_text(dedent(PLUGIN).format(looks=looks))
    return end(start(folder))


pytestmark = pytest.mark.slow

outside_containers = pytest.mark.skipif(
    os.readlink("/proc/self/ns/pid") != FIRST_NAMESPACE,  # noqa: PTH115 (text, not a path)
    reason="in a PID namespace of its own nobody can tell whose memory a driver means",
)


@outside_containers
def test_memory_that_stays_taken_is_left_behind(tmp_path: Path) -> None:
    """What the driver still lists for the dead server's pid after the time given is named, and is the exit code."""
    code, report = run(tmp_path, looks=1000)
    assert (code, report["state"]) == (6, "LEFTOVERS")
    assert report["leftovers"] == [f"{5 << 30} bytes of GPU memory"]


def test_memory_that_comes_back_is_clean(tmp_path: Path) -> None:
    """A driver gets a moment to let go; meanwhile every checkpoint names the device."""
    code, report = run(tmp_path, looks=2)
    assert (code, report["state"], report["leftovers"]) == (0, "STOPPED", [])
    (device,) = report["checkpoint"]["hardware"]["devices"]
    assert device == {"kind": "example", "index": 0, "model": "E1", "memory_bytes": 8 << 30}


@outside_containers
@pytest.mark.skipif(compiler() is None, reason="another process needs a compiled library")
def test_nvidias_driver_is_asked(tmp_path: Path) -> None:
    """What NVML lists for the dead server counts, and what it lists for others does not."""
    with FakeNvml() as fake:
        process = start(tmp_path, fake.environment)

        def hold() -> None:
            children = psutil.Process(process.pid).children()
            server = next(child.pid for child in children if "vmon-standin" in " ".join(child.cmdline()))
            fake.change(gpu=0, processes=(Process(server, 5 << 30), Process(1, 7 << 30)))

        code, report = end(process, hold)
    assert (code, report["leftovers"]) == (6, [f"{5 << 30} bytes of GPU memory"])
