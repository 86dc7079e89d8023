"""What is known of the machine: read from a tree of files, and told by plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.host.facts import of_machine, of_plugins
from vmon_core.host.resolution.records import Fact
from vmon_core.plugin import hookimpl
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.host.conftest import Listener

FILES = {
    "proc/meminfo": "MemTotal:       16318480 kB\n",
    "proc/sys/kernel/osrelease": "6.8.0-45-generic\n",
    "sys/devices/system/node/node0/cpulist": "0-3\n",
    "sys/devices/system/node/node1/cpulist": "4-7\n",
}
DRIVERS = {
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\n": "535.183.01",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\nGCC: 12\n": "570.86.15",
}


def test_machine(tmp_path: Path) -> None:
    """What the operating system tells, as versions; 15.6 GiB are what a machine with 16 shows."""
    found = {name: fact.value for name, fact in of_machine(write_tree(tmp_path, FILES)).items()}
    assert (found["memory.gib"], found["kernel"], found["numa.nodes"]) == ("16", "6.8.0", "2")
    assert int(found["cpu.count"]) >= 1
    assert not {"gpu.count", "nvidia.driver"} & found.keys()


def test_machine_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    """What cannot be read is left out: unknown is not none."""
    assert of_machine(tmp_path).keys() == {"cpu.count", "python"}


@pytest.mark.parametrize(("text", "driver"), DRIVERS.items())
def test_nvidia(tmp_path: Path, text: str, driver: str) -> None:
    """The driver's version, in both wordings, and one folder a GPU."""
    gpus = {f"proc/driver/nvidia/gpus/0000:0{n}:00.0/information": "" for n in range(2)}
    found = of_machine(write_tree(tmp_path, {"proc/driver/nvidia/version": text, **gpus}))
    assert (found["nvidia.driver"], found["gpu.count"]) == (Fact(driver, "vmon"), Fact("2", "vmon"))


class Teller:
    """A plugin that tells something."""

    def __init__(self, told: Any) -> None:
        self.told = told

    @hookimpl
    def vmon_facts(self) -> Any:
        """Tell it, or fail."""
        if isinstance(self.told, BaseException):
            raise self.told
        return self.told


def test_plugins_tell(listener: Listener) -> None:
    """The first counts; a plugin that says nothing, or fails, costs nobody else anything."""
    plugins = [
        ("a", Teller({"x": "1"})),
        ("b", Teller({"x": "2", "y": "3"})),
        ("c", Teller(SystemExit(1))),
        ("d", object()),
    ]
    assert of_plugins(plugins, listener.say) == {"x": Fact("1", "a"), "y": Fact("3", "b")}
    assert listener.texts == ["plugins: asking c for facts failed: SystemExit: 1"]


class Trap(dict[str, str]):
    """A mapping that exits when it is read."""

    def items(self) -> Any:
        """Exit."""
        raise SystemExit(2)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (Trap(x="1"), "asking a for facts failed: SystemExit: 2"),
        ({"x": 1}, "x is 1, which is not written as a version"),
        ({"x": "many"}, "x is 'many', which is not"),
        (5, "must return a mapping, not int"),
    ],
)
def test_facts_that_are_none(listener: Listener, told: object, message: str) -> None:
    """They are refused, with the reason."""
    assert of_plugins([("a", Teller(told))], listener.say) == {}
    assert message in listener.texts[0]
