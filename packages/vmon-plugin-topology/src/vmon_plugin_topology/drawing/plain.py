"""The graph as plain data, for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vmon_plugin_topology.cpus import format_list
from vmon_plugin_topology.matrix import matrix, nearest_nics

if TYPE_CHECKING:
    from vmon_plugin_topology.graph import Node, Topology


def plain(topology: Topology) -> dict[str, Any]:
    """Make plain data; what is not known is null or empty, and lists of processors are written as Linux does."""
    table = matrix(topology)
    return {
        "source": topology.source,
        "virtual": topology.virtual,
        "iommu": topology.iommu,
        "matrix": {"devices": [node.name for node in table.devices], "cells": table.words()},
        "affinity": [_affinity(topology, gpu) for gpu in topology.gpus],
        "nodes": [{**attrs.asdict(node), "cpus": format_list(node.cpus)} for node in topology.nodes],
        "links": [attrs.asdict(link) for link in topology.links],
        "problems": topology.problems,
    }


def _affinity(topology: Topology, gpu: Node) -> dict[str, Any]:
    way, nics = nearest_nics(topology, gpu)
    nearest = {"path": way, "devices": [nic.name for nic in nics]}
    return {"device": gpu.name, "cpus": format_list(gpu.cpus), "numa": gpu.numa, "nics": nearest}
