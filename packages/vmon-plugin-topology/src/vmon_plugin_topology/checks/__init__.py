"""What the topology advises: for a launch before it happens, for a machine and the workers on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmon_core.records import CheckVerdict
from vmon_plugin_topology.checks.explanations import EXPLANATIONS
from vmon_plugin_topology.checks.parallel import parallel_path
from vmon_plugin_topology.checks.peers import peer_access
from vmon_plugin_topology.checks.remote import network_path
from vmon_plugin_topology.checks.widths import link_width
from vmon_plugin_topology.checks.workers import worker_numa
from vmon_plugin_topology.placement import placement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmon_core.devices import Device
    from vmon_core.plugin import LaunchRequest
    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_topology.graph import Topology

__all__ = ["EXPLANATIONS", "evaluated", "launch_checks", "machine_checks"]


def launch_checks(topology: Topology, launch: LaunchRequest, devices: Sequence[Device]) -> Iterator[CompatibilityCheck]:
    """Check a launch; nothing is said of a machine that has no accelerators.

    Args:
        topology: of this machine, with its devices.
        launch: what would be started.
        devices: what drivers tell.
    """
    if not topology.gpus:
        return
    place = placement(launch, topology, devices)
    yield from parallel_path(topology, place)
    yield from peer_access(topology, place)
    yield from network_path(topology, place)
    yield from link_width(topology)


def machine_checks(
    topology: Topology, devices: Sequence[Device], *, server: int | None = None, root: Path = Path("/")
) -> Iterator[CompatibilityCheck]:
    """Check a machine and the processes on its accelerators.

    Args:
        topology: of this machine, with its devices.
        devices: what drivers tell.
        server: look only at processes of the server with this main process; None for all.
        root: the folder that stands for `/`.
    """
    if topology.gpus:
        yield from link_width(topology)
        yield from worker_numa(topology, devices, server=server, root=root)


def evaluated(checks: Iterable[CompatibilityCheck]) -> list[CompatibilityCheck]:
    """Those that came to a conclusion."""
    return [check for check in checks if check.verdict is not CheckVerdict.NOT_EVALUATED]
