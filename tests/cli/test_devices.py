"""`vmon devices`: every vendor in its own section, what is not known left out, and why when nothing can be told."""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from vmon_core.cli.devices import as_dict, doubts, section_lines
from vmon_core.devices import Device, DeviceProcess, Inventory
from vmon_core.evidence import Health, Recovery
from vmon_core.host.plugin_host import PluginHost
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GIB = 1 << 30

PLUGIN = """
from vmon_core.devices import Device
from vmon_core.plugin import PluginInfo, hookimpl

@hookimpl
def vmon_plugin_info():
    return PluginInfo(name="example", version="1.0")

@hookimpl
def vmon_devices():
    {body}
"""


@pytest.fixture
def vmon(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `vmon devices` with one plugin from a folder, whose `vmon_devices` has this body."""

    def run(body: str, *options: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        (folder / "example.py").write_text(dedent(PLUGIN).format(body=body))
        config = tmp_path / "vmon.toml"
        config.write_text(f'[monitor]\ndata_dir = "{tmp_path}"\n[plugins]\nfolders = ["{folder}"]\n')
        command = [sys.executable, "-m", "vmon_core", "--config", str(config), "devices", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_each_kind_has_its_section() -> None:
    """Devices are listed by kind; an instance is indented below its device; unknown figures are no zeros."""
    shown = list(
        section_lines(
            [
                Device(kind="amd", index=0, model="MI300X", driver="6.12", runtime="6.4", health=Health.HEALTHY),
                Device(kind="nvidia", index=0, model="H100", driver="580", runtime="13.0", memory_bytes=80 * GIB),
                Device(kind="nvidia", index=0, instance=1, memory_bytes=10 * GIB, memory_free_bytes=4 * GIB),
            ]
        )
    )
    assert [line.rstrip() for line in shown] == [
        "\x1b[1mamd, driver 6.12, ROCm 6.4\x1b[0m",
        "  0  MI300X    ?  \x1b[32mhealthy\x1b[0m",
        "",
        "\x1b[1mnvidia, driver 580, CUDA 13.0\x1b[0m",
        "  0      H100    ? of 80.0 GiB    \x1b[36munknown\x1b[0m",
        "    0.1  ?       6.0 of 10.0 GiB  \x1b[36munknown\x1b[0m",
    ]


def test_what_speaks_against_a_device_is_below_it() -> None:
    """Reasons, the remedy and the holders of memory follow a device's line; a lost one is called that."""
    processes = (DeviceProcess(1 << 30, 3 * GIB), DeviceProcess((1 << 30) + 1))
    lost = Device(
        kind="nvidia",
        index=2,
        lost=True,
        reasons=("it fell off the bus",),
        recovery=Recovery.REBOOT_NODE,
        processes=processes,
    )
    first, *rest = list(section_lines([lost]))[1:]
    assert "lost" in first
    assert [line.strip() for line in rest] == [
        "it fell off the bus",
        "what would help: reboot node",
        f"pid {1 << 30} 3.0 GiB",
        f"pid {(1 << 30) + 1}",
    ]


def test_plain_data_has_names() -> None:
    """A program need not know how names are made."""
    data = as_dict(Device(kind="nvidia", index=3, instance=1))
    assert (data["name"], data["label"], data["memory_bytes"]) == ("nvidia:3.1", "3.1", None)


def test_json_lists_the_devices_in_order(vmon: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """One object a line, sorted; exit code 0."""
    done = vmon("return [Device(kind='b', index=0), Device(kind='a', index=1), Device(kind='a', index=0)]", "--json")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["a:0", "a:1", "b:0"]
    assert (done.returncode, done.stderr) == (0, "")


def test_one_that_fails_is_named(vmon: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A plugin that cannot tell leaves the list incomplete: that is said, and is the exit code."""
    done = vmon("raise RuntimeError('driver on fire')")
    assert (done.returncode, done.stdout) == (3, "")
    assert "plugin example could not tell: RuntimeError: driver on fire" in done.stderr


def test_none_is_explained_by_who_was_asked(vmon: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Where plugins see nothing, they are named, and nothing goes to standard output."""
    done = vmon("return []")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no device is known: " in done.stderr
    assert "example" in done.stderr


def test_gpus_without_a_driver_are_seen_on_the_bus(tmp_path: Path) -> None:
    """GPUs on the PCI bus that no driver shows are counted by vendor; consoles and network cards are not."""
    bus = {
        "0000:17:00.0": ("0x10de", "0x030200"),
        "0000:18:00.0": ("0x10de", "0x030200"),
        "0000:41:00.0": ("0x1002", "0x120000"),
        "0000:00:02.0": ("0x1002", "0x030000"),
        "0000:05:00.0": ("0x15b3", "0x020000"),
    }
    for address, (vendor, kind) in bus.items():
        write_tree(tmp_path / "sys/bus/pci/devices" / address, {"vendor": f"{vendor}\n", "class": f"{kind}\n"})
    (line,) = doubts(Inventory(), PluginHost(), tmp_path)
    assert line == (
        "no device is known: no loaded plugin reads GPUs; vmon-plugin-nvidia reads NVIDIA's, vmon-plugin-amd AMD's; "
        "the PCI bus has GPUs that no driver shows: 1 of AMD, 2 of NVIDIA"
    )
