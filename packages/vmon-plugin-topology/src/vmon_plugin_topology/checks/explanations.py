"""What each code means, for those who ask."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PARALLEL_PATH = "topology.parallel_path"
PEER_ACCESS = "topology.peer_access"
NETWORK_PATH = "topology.network_path"
LINK_WIDTH = "topology.link_width"
WORKER_NUMA = "topology.worker_numa"

EXPLANATIONS: Mapping[str, str] = MappingProxyType(
    {
        PARALLEL_PATH: (
            "The ranks of a tensor parallel group exchange results in every layer and wait for the slowest pair. This "
            "compares the ways between their GPUs with those of other GPUs on the machine: NODE and SYS leave the PCIe "
            "switches and share the processors' interconnect. Choose GPUs that are near to each other with "
            "CUDA_VISIBLE_DEVICES. Without any, pipeline parallelism (-pp) sends far less between its stages."
        ),
        PEER_ACCESS: (
            "GPUs without NVLink reach each other's memory over PCIe. When a switch or root port has Access Control "
            "Services redirect peer-to-peer requests, or the IOMMU translates addresses, all of it makes a detour "
            "through the processor, or hangs (NCCL user guide, troubleshooting, PCI Access Control Services). Switch "
            "ACS off in the firmware or with setpci, and boot with iommu=pt or without IOMMU. A virtual machine needs "
            "ACS, and does not show that of its host. Only root can read ACS."
        ),
        NETWORK_PATH: (
            "Traffic to other machines goes through network cards. Each GPU should have an RDMA card below the same "
            "PCIe switches or at least the same host bridge (PIX, PXB, PHB); then the card reads GPU memory directly "
            "(GPUDirect RDMA). NCCL_IB_HCA chooses cards."
        ),
        LINK_WIDTH: (
            "A PCIe link uses fewer lanes than both of its ends have: half the lanes are half the bandwidth. Unlike "
            "the speed, which idle devices lower to save power, the width stays. Reasons are a card that is not seated "
            "well, a damaged riser or connector, or the firmware splitting the slot. lspci -vv shows LnkCap and LnkSta."
        ),
        WORKER_NUMA: (
            "A process that feeds a GPU may only run on processors of another NUMA node than the GPU's: each launch "
            "and copy crosses the processors' interconnect. vLLM binds workers with --numa-bind; otherwise widen the "
            "affinity (taskset, cpuset, CPU manager of Kubernetes), or use numactl --cpunodebind and --membind."
        ),
    }
)
"""The explanation of each code."""
