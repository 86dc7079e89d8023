"""Reading the topology of a machine from `/sys` and `/proc`, or from a captured copy of them."""

from __future__ import annotations

from pathlib import Path

import attrs

from vmon_core.errors import VmonError
from vmon_plugin_topology.graph import Topology
from vmon_plugin_topology.naming import labelled
from vmon_plugin_topology.sysfs.files import Files
from vmon_plugin_topology.sysfs.iommu import iommu, virtual
from vmon_plugin_topology.sysfs.numa import read_numa
from vmon_plugin_topology.sysfs.pci import read_pci

__all__ = ["read_sysfs"]


def read_sysfs(root: Path = Path("/")) -> Topology:
    """Read a machine.

    Args:
        root: the folder that stands for `/`, with `sys` and, if there is one, `proc` in it.

    Returns:
        What could be read; files that are missing or hold nonsense leave their facts unknown.

    Raises:
        VmonError: there is no such folder, or no `sys` in it.
    """
    if not (root / "sys").is_dir():
        msg = f"{root} has no folder sys: give the folder that stands for / in a captured tree"
        raise VmonError(msg)
    files = Files(str(root))
    nodes, links = read_numa(files)
    pci_nodes, pci_links = read_pci(files, nodes)
    topology = Topology(
        source=str(root),
        nodes=(*nodes, *pci_nodes),
        links=(*links, *pci_links),
        virtual=virtual(files),
        peer_memory=files.exists("sys/module/nvidia_peermem") if files.exists("sys/module") else None,
        problems=tuple(files.problems),
    )
    return attrs.evolve(labelled(topology), iommu=iommu(files, [gpu.id for gpu in topology.gpus]))
