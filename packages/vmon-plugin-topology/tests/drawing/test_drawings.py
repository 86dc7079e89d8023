"""Pictures, graphs and data, well-formed whatever is in them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import attrs

from vmon_core.devices import Device, DeviceLink
from vmon_plugin_topology.devices import with_devices
from vmon_plugin_topology.drawing.dot import dot
from vmon_plugin_topology.drawing.layout import laid_out
from vmon_plugin_topology.drawing.plain import plain
from vmon_plugin_topology.drawing.svg import svg
from vmon_plugin_topology.drawing.text import legend_lines, matrix_lines, tree_lines
from vmon_plugin_topology.graph import DEVICES, Node, NodeKind, Topology
from vmon_plugin_topology.sysfs import read_sysfs
from vmon_testkit import sysfs

if TYPE_CHECKING:
    from pathlib import Path

PCI = ("0000:11:00.0", "0000:12:00.0")
HOSTILE = 'a"<b>&\n\\'
SVG = "{http://www.w3.org/2000/svg}"


def bridged(folder: Path) -> Topology:
    """Two GPUs with an NVLink bridge among four."""
    links = [(DeviceLink(kind="nvlink", index=0, remote=PCI[1 - n], remote_kind="gpu"),) for n in (0, 1)]
    devices = [Device(kind="nvidia", index=n, pci=pci, links=links[n], model="H100") for n, pci in enumerate(PCI)]
    return with_devices(read_sysfs(sysfs.two_sockets(folder).root), devices)


def test_tree(tmp_path: Path) -> None:
    """Bridges that lead to one device only are left out."""
    assert list(tree_lines(bridged(tmp_path)))[:6] == [
        "package 0",
        "└─ NUMA 0  CPUs 0-15  512 GiB",
        "   ├─ host bridge pci0000:10",
        "   │  ├─ \x1b[1mGPU0\x1b[0m  0000:11:00.0  H100  x16 32 GT/s 63 GB/s",
        "   │  └─ \x1b[1mGPU1\x1b[0m  0000:12:00.0  H100  x16 32 GT/s 63 GB/s",
        "   └─ \x1b[1mNIC0\x1b[0m  0000:21:00.0  Intel  eth0  Ethernet 25 Gb/s  x16 32 GT/s 63 GB/s",
    ]


def test_matrix_fits_the_terminal(tmp_path: Path) -> None:
    """Sixteen devices and two columns: in blocks on eighty columns, in one on a wide terminal."""
    topology = read_sysfs(sysfs.dgx(tmp_path).root)
    plain_lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in matrix_lines(topology, 80)]
    assert max(map(len, plain_lines)) <= 80
    assert len(plain_lines) == 2 * 17 + 1
    assert len(list(matrix_lines(topology, 200))) == 17
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in matrix_lines(topology, 20)) < 40


def test_legend_explains_what_is_there(tmp_path: Path) -> None:
    """And names the cards."""
    lines = list(legend_lines(bridged(tmp_path)))
    assert [line.split()[0] for line in lines] == ["NV#", "PHB", "NODE", "SYS", "NIC0:"]


def test_plain_data(tmp_path: Path) -> None:
    """It is JSON, with lists of processors as text."""
    data = json.loads(json.dumps(plain(read_sysfs(sysfs.dgx(tmp_path).root))))
    assert data["affinity"][3] == {
        "device": "GPU3",
        "cpus": "0-55,112-167",
        "numa": 0,
        "nics": {"path": "PIX", "devices": ["NIC3"]},
    }
    assert data["matrix"]["devices"][8] == "NIC0"
    assert data["matrix"]["cells"][0][8] == "PIX"


def test_dot_names_every_node(tmp_path: Path) -> None:
    """Quotes in names end no string."""
    topology = bridged(tmp_path)
    text = dot(attrs.evolve(topology, nodes=(*topology.nodes, Node(id="x", kind=NodeKind.GPU, model=HOSTILE))))
    assert text.startswith("graph topology {\n")
    assert text.endswith("\n}")
    assert 'label="nvlink x1"' in text
    for node in topology.nodes:
        assert f'  "{node.id}" [' in text
    assert all(len(re.findall(r'(?<!\\)"', line)) % 2 == 0 for line in text.replace("\\\\", "").splitlines())


def test_svg_is_well_formed(tmp_path: Path) -> None:
    """One box for each device, a green line between linked GPUs, and no name breaks out."""
    topology = bridged(tmp_path)
    nodes = (*topology.nodes, Node(id="x", kind=NodeKind.GPU, label=HOSTILE))
    root = ET.fromstring(svg(attrs.evolve(topology, source=HOSTILE, nodes=nodes)))  # noqa: S314 (our own)
    assert len(root.findall(f"{SVG}rect[@class='gpu']")) == 5
    assert [path.get("class") for path in root.findall(f"{SVG}path")] == ["peer"]
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")


def test_boxes_do_not_overlap(tmp_path: Path) -> None:
    """Devices lie inside the picture and beside each other."""
    boxes, width, height = laid_out(read_sysfs(sysfs.dgx(tmp_path).root), 16)
    leaves = [box for box in boxes if box.node.kind in DEVICES]
    assert len(leaves) == 28
    assert all(box.x >= 16 and box.x + box.width <= width - 16 and box.y + box.height <= height for box in boxes)
    for number, a in enumerate(leaves):
        for b in leaves[number + 1 :]:
            beside = a.x + a.width <= b.x or b.x + b.width <= a.x
            below = a.y + a.height <= b.y or b.y + b.height <= a.y
            assert beside or below


def test_empty_machine() -> None:
    """Nothing is drawn, and nothing breaks."""
    nothing = Topology(source="")
    assert list(tree_lines(nothing)) == []
    assert ET.fromstring(svg(nothing)).tag == f"{SVG}svg"  # noqa: S314 (our own)


def test_nodes_that_are_their_own_parents() -> None:
    """A source that lies does not make drawing endless."""
    nodes = (Node(id="a", kind=NodeKind.NUMA, parent="b"), Node(id="b", kind=NodeKind.NUMA, parent="a"))
    assert list(tree_lines(Topology(source="", nodes=nodes))) == []
