"""The rule about the memory of the CPU backend, which takes it as if it were that of a GPU.

`CPUWorker` of vLLM 0.32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_preflight.fit.units import GIB, gib
from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_SPACE = "VLLM_CPU_KVCACHE_SPACE"
_CERTAIN = 0.95  # memory comes and goes until the worker looks
_AVAILABLE = ("MemFree", "Active(file)", "Inactive(file)", "SReclaimable")
_LIMIT = "/sys/fs/cgroup/memory.max"


@rule("memory.cpu")
def cpu(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The memory for the cache must be there when the worker looks for it."""
    code, space = "memory.cpu", launch.environment.get(_SPACE)
    if launch.platform is not Platform.CPU:
        return
    if space is not None and not space.strip().lstrip("+").isdecimal():
        yield failure(code, f"{_SPACE}={space} is no whole number of GiB", fix=f"{_SPACE}=4, or unset it")
        return
    nodes = memory_of_nodes(launch.path("/sys/devices/system/node"))
    if not nodes:
        yield not_evaluated(code, "the kernel does not tell the memory of its nodes")
        return
    given = int(space) * GIB if space else launch.arguments.get("kv_cache_memory_bytes", int)
    yield _given(given, nodes) if given else _share(launch, nodes)


def _given(size: int, nodes: list[tuple[int, int]]) -> CompatibilityCheck:
    """The size of the cache is given."""
    available = max(free for _, free in nodes)
    words = f"a cache of {gib(size)}, and {gib(available)} of memory are available"
    if size > available / _CERTAIN:
        return failure("memory.cpu", f"too little memory: {words}", fix=f"{_SPACE}={int(available / GIB / 2)}")
    return ok("memory.cpu", words)


def _share(launch: Launch, nodes: list[tuple[int, int]]) -> CompatibilityCheck:
    """A share of all memory is reserved."""
    if len(nodes) > 1 or _is_limited(launch.path(_LIMIT)):
        return not_evaluated(
            "memory.cpu", f"which memory a worker gets depends on its node and group; {_SPACE} would fix it"
        )
    total, available = nodes[0]
    share = launch.arguments.get("gpu_memory_utilization", float) or 0.0
    words = (
        f"--gpu-memory-utilization {share:g} x {gib(total)} = {gib(share * total)}, and {gib(available)} are available"
    )
    if _CERTAIN * share * total > available:
        fix = f"{_SPACE}={int(available / GIB / 2)}, or --gpu-memory-utilization {0.9 * available / total:.2f}"
        return failure("memory.cpu", f"too little memory: {words}", fix=fix)
    return ok("memory.cpu", words)


def _is_limited(path: Path) -> bool:
    """Whether a control group limits the memory."""
    try:
        return path.read_text(encoding="utf-8").strip() != "max"
    except OSError:
        return False


def memory_of_nodes(folder: Path) -> list[tuple[int, int]]:
    """Read the total and the available bytes of each node, as vLLM's `get_memory_node_info` adds them up."""
    found = []
    for path in sorted(folder.glob("node[0-9]*/meminfo")):
        try:
            lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
            sizes = {words[2].rstrip(":"): int(words[3]) << 10 for words in lines if len(words) > 3}  # noqa: PLR2004 (columns)
            found.append((sizes["MemTotal"], sum(sizes[name] for name in _AVAILABLE)))
        except (OSError, ValueError, KeyError):
            continue
    return [node for node in found if node[0]]


RULES = (cpu,)
