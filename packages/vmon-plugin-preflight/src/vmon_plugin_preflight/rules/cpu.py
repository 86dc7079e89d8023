"""The rule about processors of the CPU backend, which binds each worker to its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

BINDING = "cpu.binding"
_BIND = "VLLM_CPU_OMP_THREADS_BIND"
_LIST = re.compile(r"\s*\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*\s*")


@rule(BINDING)
def binding(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Each worker on this machine wants a NUMA node, or a list of processors (`utils/ompmultiprocessing.py`)."""
    if launch.platform is not Platform.CPU:
        return
    workers = launch.arguments.size("tensor_parallel_size") * launch.arguments.size("pipeline_parallel_size")
    bind = launch.environment.get(_BIND, "auto")
    if bind == "nobind":
        yield ok(BINDING, "threads are not bound")
    elif bind == "auto":
        yield from _automatic(launch, workers)
    elif not all(_LIST.fullmatch(cpus) for cpus in bind.split("|")):
        fix = f"{_BIND}=auto, nobind, or lists such as 0-3|4-7"
        yield failure(BINDING, f"{_BIND} {bind!r} is no list of processors", fix=fix)
    elif launch.arguments.size("data_parallel_size") == 1 and len(bind.split("|")) != workers:
        summary = f"{_BIND} has {len(bind.split('|'))} lists of processors for {workers} workers"
        yield failure(BINDING, summary, fix=f"{_BIND}=auto, or a list for each, separated by |")


def _automatic(launch: Launch, workers: int) -> Iterator[CompatibilityCheck]:
    nodes = _nodes(launch)
    if launch.environment.get("VLLM_CPU_SIM_MULTI_NUMA", "0") != "0":
        return
    if nodes == 0:
        yield not_evaluated(BINDING, "how many NUMA nodes there are could not be read")
    elif workers > nodes:
        fix = f"{_BIND}=nobind, or a list of processors for each worker: 0-3|4-7"
        yield failure(BINDING, f"{workers} workers want a NUMA node each, and there are {nodes}", fix=fix)
    else:
        yield ok(BINDING, f"{workers} workers on {nodes} NUMA nodes")


def _nodes(launch: Launch) -> int:
    return sum(1 for _ in launch.path("/sys/devices/system/node").glob("node[0-9]*"))


RULES = (binding,)
