"""NCCL's topologies, as NCCL itself dumps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_topology.captured import read_captured
from vmon_plugin_topology.graph import LinkKind, NodeKind
from vmon_plugin_topology.matrix import matrix

if TYPE_CHECKING:
    from pathlib import Path

DUMP = """<system version="1">
  <cpu host_hash="0x1" numaid="0" affinity="0000000f" arch="x86_64" vendor="AuthenticAMD">
    <pci busid="0000:01:00.0" class="0x060400" vendor="0x1000" device="0xc030" link_width="16">
      <pci busid="0000:03:00.0" class="0x030200" vendor="0x10de" link_speed="16.0 GT/s PCIe" link_width="16">
        <gpu dev="0" sm="80" rank="0" gdr="1"><nvlink target="0000:c5:00.0" count="12" tclass="0x068000"/></gpu>
      </pci>
      <pci busid="0000:04:00.0" class="0x020700" vendor="0x15b3" link_speed="16.0 GT/s PCIe" link_width="16">
        <nic><net name="mlx5_0" dev="0" speed="200000" port="1" guid="0x1" gdr="1"/></nic>
      </pci>
    </pci>
    <pci busid="0000:05:00.0" class="0x030200" vendor="0x10de" link_speed="16.0 GT/s PCIe" link_width="8">
      <gpu dev="1" sm="80" rank="1" gdr="1"><nvlink target="0000:c5:00.0" count="10" tclass="0x068000"/></gpu>
    </pci>
  </cpu>
  <cpu numaid="-1"><pci busid="0000:06:00.0" class="0x030200" link_width="63"/></cpu>
</system>"""


def test_dump(tmp_path: Path) -> None:
    """NVLinks through a switch count as the end with fewer; what NCCL does not know is unknown."""
    (tmp_path / "dump.xml").write_text(DUMP)
    found = read_captured(tmp_path / "dump.xml")
    assert matrix(found).words() == [
        ["X", "NV10", "?", "PIX"],
        ["NV10", "X", "?", "NODE"],
        ["?", "?", "X", "?"],
        ["PIX", "NODE", "?", "X"],
    ]
    assert [node.id for node in found.of(NodeKind.NVSWITCH)] == ["0000:c5:00.0"]
    assert (found.nics[0].interfaces, found.nics[0].port_bandwidth) == (("mlx5_0",), 25e9)
    assert found.uplinks["0000:06:00.0"].width is None
    assert {link.bandwidth for link in found.links if link.kind is LinkKind.NVLINK} == {12 * 25e9, 10 * 25e9}


def test_switch_below_a_switch(tmp_path: Path) -> None:
    """NCCL writes a switch as one node, so two of them are two switches."""
    gpu = '<pci busid="0000:0{0}:00.0" class="0x030200"/>'
    inner = f'<pci busid="0000:02:00.0" class="0x060400">{gpu.format(3)}{gpu.format(4)}</pci>'
    outer = f'<pci busid="0000:01:00.0" class="0x060400">{inner}{gpu.format(5)}</pci>'
    text = f'<system><cpu numaid="0">{outer}</cpu></system>'
    (tmp_path / "x.xml").write_text(text)
    assert matrix(read_captured(tmp_path / "x.xml")).words() == [
        ["X", "PIX", "PXB"],
        ["PIX", "X", "PXB"],
        ["PXB", "PXB", "X"],
    ]
