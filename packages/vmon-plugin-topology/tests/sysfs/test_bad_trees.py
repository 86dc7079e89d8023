"""Trees with loops, garbage and too much of everything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from vmon_plugin_topology.checks import machine_checks
from vmon_plugin_topology.drawing.dot import dot
from vmon_plugin_topology.drawing.plain import plain
from vmon_plugin_topology.drawing.svg import svg
from vmon_plugin_topology.drawing.text import legend_lines, matrix_lines, tree_lines
from vmon_plugin_topology.matrix import matrix
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_plugin_topology.sysfs.files import MAX_BYTES, MAX_ENTRIES, Files
from vmon_testkit import sysfs

NAMES = (
    "class",
    "vendor",
    "numa_node",
    "local_cpulist",
    "local_cpus",
    "current_link_width",
    "max_link_speed",
    "config",
)
GARBAGE = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"-1", b"99999999999999999999", b"0x030200", b"0-", b"9-1", b"0-99999999", b"\xff\xfe", b"Unknown"]
    ),
)


def test_links_in_a_circle(tmp_path: Path) -> None:
    """A device that links to itself has no class, and is none."""
    tree = sysfs.single_gpu(tmp_path)
    (tree.root / "sys/bus/pci/devices/0000:09:00.0").symlink_to("0000:09:00.0")
    (tree.root / "sys/devices/system/node/node1").symlink_to("node1")
    found = read_sysfs(tree.root)
    assert [gpu.id for gpu in found.gpus] == ["0000:01:00.0"]


def test_device_below_itself(tmp_path: Path) -> None:
    """A path that names a bridge twice is told as a problem; the device is there, attached to what is known."""
    bridge = "0000:00:01.0"
    tree = sysfs.SysfsTree(tmp_path).pci(f"pci0000:00/{bridge}/{bridge}/0000:01:00.0", sysfs.GPU)
    found = read_sysfs(tree.root)
    assert found.problems == ("0000:01:00.0 is attached in a way that makes no sense",)
    assert [gpu.parent for gpu in found.gpus] == [""]


def test_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    """It is not waited for."""
    tree = sysfs.single_gpu(tmp_path)
    file = tree.root / "sys/bus/pci/devices/0000:01:00.0/numa_node"
    file.unlink()
    os.mkfifo(file)
    assert len(read_sysfs(tree.root).gpus) == 1


def test_reading_is_bounded(tmp_path: Path) -> None:
    """Of a large file the beginning is read, of a large folder so many entries, and that is told."""
    (tmp_path / "large").write_text("x" * (MAX_BYTES + 10))
    (tmp_path / "many").mkdir()
    for number in range(MAX_ENTRIES + 1):
        (tmp_path / "many" / str(number)).touch()
    files = Files(str(tmp_path))
    assert len(files.text("large")) == MAX_BYTES
    assert len(files.names("many")) == MAX_ENTRIES
    assert files.problems == [f"many has more than {MAX_ENTRIES} entries: the others were not read"]


def test_numa_node_that_is_not_there(tmp_path: Path) -> None:
    """A number that no node has is no place."""
    tree = sysfs.single_gpu(tmp_path).write({"sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/numa_node": "7"})
    assert read_sysfs(tree.root).gpus[0].numa == 0  # what the bridge above it says


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.tuples(st.integers(0, 3), st.sampled_from(NAMES)), GARBAGE, max_size=12),
    st.dictionaries(st.sampled_from(["cpulist", "distance", "meminfo"]), GARBAGE),
)
def test_garbage(files: dict[tuple[int, str], bytes], node: dict[str, bytes]) -> None:
    """Whatever files hold, there is a matrix of what can be believed."""
    with tempfile.TemporaryDirectory() as folder:
        tree = sysfs.two_sockets(Path(folder) / "root")
        devices = sorted((tree.root / "sys/bus/pci/devices").iterdir())
        for (number, name), data in files.items():
            (devices[number] / name).write_bytes(data)
        for name, data in node.items():
            (tree.root / "sys/devices/system/node/node0" / name).write_bytes(data)
        found = read_sysfs(tree.root)
        assert len(matrix(found).cells) == len(found.gpus) + len(found.nics)
        assert all(gpu.numa in (None, 0, 1) for gpu in found.gpus)


PLACES = st.lists(st.sampled_from([f"0000:0{n}:00.0" for n in range(4)]), min_size=1, max_size=5)
KINDS = st.sampled_from([sysfs.GPU, sysfs.INFINIBAND, sysfs.NVME, sysfs.NVSWITCH, {"class": "0x060400"}, {}])


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(0, 5), st.tuples(PLACES, KINDS), max_size=6), st.integers(-3, 3))
def test_links_that_contradict_each_other(devices: dict[int, tuple[list[str], dict[str, str]]], numa: int) -> None:
    """Devices may claim to be below each other, below themselves, or below a bridge that is elsewhere: all is drawn."""
    with tempfile.TemporaryDirectory() as folder:
        tree = sysfs.SysfsTree(Path(folder)).numa(["0-3", "4-7"])
        for number, (above, files) in devices.items():
            entry = tree.root / f"sys/bus/pci/devices/0000:0{number}:00.0"
            inside = "/".join(above)
            home = tree.root / f"sys/devices/pci0000:{number % 2:02}/{inside}/0000:0{number}:00.0"
            home.mkdir(parents=True, exist_ok=True)
            for name, text in {**files, "numa_node": str(numa)}.items():
                (home / name).write_text(text)
            entry.symlink_to(f"../../../devices/pci0000:{number % 2:02}/{inside}/0000:0{number}:00.0")
        found = read_sysfs(tree.root)
        assert dot(found)
        assert svg(found)
        assert plain(found)
        assert [*tree_lines(found), *matrix_lines(found, 40), *legend_lines(found)]
        assert len(list(machine_checks(found, (), root=tree.root))) == bool(found.gpus)
