"""Whether GPUs that talk to other machines have a network card near by."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_plugin_topology.checks.explanations import NETWORK_PATH
from vmon_plugin_topology.grouping import SLOW
from vmon_plugin_topology.matrix import nearest_nics
from vmon_plugin_topology.relations import Path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_topology.graph import Topology
    from vmon_plugin_topology.placement import Placement

_check = partial(CompatibilityCheck, code=NETWORK_PATH)


def network_path(topology: Topology, place: Placement) -> Iterator[CompatibilityCheck]:
    """Look for the nearest RDMA card of each visible GPU; nothing is said of a launch that stays on one machine."""
    if not place.remote or not place.visible:
        return
    if not any(nic.rdma for nic in topology.nics):
        summary = "no RDMA card is seen here; without one, traffic to other machines uses TCP"
        yield _check(verdict=CheckVerdict.NOT_EVALUATED, summary=summary)
        return
    nearest = {gpu.name: nearest_nics(topology, gpu) for gpu in place.visible}
    told = (f"{name}: {way} {', '.join(nic.name for nic in nics)}".rstrip() for name, (way, nics) in nearest.items())
    yield _judge({name: way for name, (way, _) in nearest.items()}, (*told, *_module(topology)))


def _judge(ways: dict[str, Path], evidence: tuple[str, ...]) -> CompatibilityCheck:
    far = [name for name, way in ways.items() if way in SLOW]
    unknown = [name for name, way in ways.items() if way is Path.UNKNOWN]
    if far:
        return _check(
            verdict=CheckVerdict.WARNING,
            summary=f"to the nearest RDMA card, {', '.join(far)} must cross between host bridges or NUMA nodes",
            evidence=evidence,
            fix="use GPUs that have an RDMA card on their own host bridge",
        )
    if unknown:
        summary = f"the machine does not tell how {', '.join(unknown)} and the network cards are connected"
        return _check(verdict=CheckVerdict.NOT_EVALUATED, summary=summary, evidence=evidence)
    return _check(verdict=CheckVerdict.OK, summary="each GPU has an RDMA card near by", evidence=evidence)


def _module(topology: Topology) -> tuple[str, ...]:
    """What an operator needs to know of GPUDirect RDMA; only NVIDIA's older way needs a module of its own."""
    if topology.peer_memory is None:
        return ()
    return (
        "nvidia_peermem is " + ("loaded" if topology.peer_memory else "not loaded: RDMA to GPU memory needs DMA-BUF"),
    )
