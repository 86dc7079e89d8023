"""Topologies that other programs wrote: NCCL's and hwloc's XML files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.errors import VmonError
from vmon_plugin_topology.captured.document import parse
from vmon_plugin_topology.captured.hwloc import read_hwloc
from vmon_plugin_topology.captured.nccl import read_nccl

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_plugin_topology.graph import Topology

__all__ = ["read_captured"]

_READERS = {"system": read_nccl, "topology": read_hwloc}


def read_captured(path: Path) -> Topology:
    """Read a topology from a file.

    Args:
        path: NCCL's (`NCCL_TOPO_DUMP_FILE`, or what clouds ship for `NCCL_TOPO_FILE`) or hwloc's (`lstopo box.xml`).

    Raises:
        VmonError: the file cannot be read, is no XML, or neither of these.
    """
    root = parse(path)
    reader = _READERS.get(root.tag)
    if reader is None:
        found = f"<{root.tag[:40]}>"
        msg = f"{path} is neither a topology of NCCL (<system>) nor one of hwloc (<topology>): it begins with {found}"
        raise VmonError(msg)
    return reader(root, str(path))
