"""Rules about the machine: limits, shared memory, leftovers, disks and caches."""

from __future__ import annotations

import os
import resource
import shutil
from typing import TYPE_CHECKING

from vmon_plugin_preflight.filesystems import NETWORK, filesystem_of
from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

WANTED_FILES = 65535
"""What vLLM raises its soft limit to (`set_ulimit`), so that each request can have its connection."""

FEWEST_FILES = 128
"""Fewer than this do not suffice for the start itself; 60 were tried, and the sockets of gloo failed."""

QUEUE_BYTES = 10 * (16 << 20)
"""The message queue between the engine and its workers: ten chunks of VLLM_MQ_MAX_CHUNK_BYTES_MB."""

FREE_DISK = 2 << 30
"""Below this, compiled graphs and downloaded configurations may find no room."""

MANY_SEGMENTS = 32
"""More segments than the servers of one machine have at a time: 2 for each of 8 workers, twice over."""

_OWNERS = ("VLLM::", "vllm", "python", "pt_main", "ray")
"""How the names of processes begin that have vLLM's inner processes as children; init and its like are no owners."""

_SHM = "/dev/shm"  # noqa: S108 (it is looked at, nothing is put there)

_GIB, _MIB = 1 << 30, 1 << 20


@rule("machine.open_files", needs_arguments=False)
def open_files(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Each connection is a file descriptor."""
    del launch
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = "machine.open_files"
    if hard == resource.RLIM_INFINITY or hard >= WANTED_FILES:
        yield ok(code, "vLLM may open as many files as it wants to")
        return
    summary = f"at most {hard} files may be open, and vLLM wants {WANTED_FILES}"
    fix = f"ulimit -Hn {WANTED_FILES}, LimitNOFILE= of systemd, or --ulimit nofile={WANTED_FILES} of docker"
    yield failure(code, summary, fix=fix) if hard < FEWEST_FILES else warning(code, summary, fix=fix)


@rule("machine.locked_memory")
def locked_memory(launch: Launch) -> Iterator[CompatibilityCheck]:
    """RDMA registers memory, which counts as locked."""
    if not launch.arguments.given("kv_transfer_config") and launch.arguments.size("nnodes") == 1:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    code = "machine.locked_memory"
    if hard == resource.RLIM_INFINITY:
        yield ok(code, "memory may be locked without limit")
    else:
        summary = f"only {hard // 1024} KiB may be locked; InfiniBand and NIXL register far more"
        yield warning(code, summary, fix="ulimit -l unlimited, or --ulimit memlock=-1 of docker")


@rule("machine.shared_memory")
def shared_memory(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The engine talks to its workers through /dev/shm."""
    folder, code = launch.path(_SHM), "machine.shared_memory"
    ranks = launch.arguments.size("tensor_parallel_size") * launch.arguments.size("pipeline_parallel_size")
    if (ranks == 1 and launch.platform is not Platform.CPU) or not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    if free < QUEUE_BYTES:
        summary = f"{_SHM} has {free // _MIB} MiB left, and vLLM's queues need {QUEUE_BYTES // _MIB} MiB"
        yield failure(code, summary, fix="--shm-size 16g or --ipc=host of docker; an emptyDir of medium Memory")
    else:
        yield ok(code, f"{_SHM} has {free / _GIB:.1f} GiB left")


@rule("machine.leftovers", needs_arguments=False)
def leftovers(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Processes and shared memory of an earlier server hold what the new one needs."""
    code = "machine.leftovers"
    orphans = sorted(_orphans(launch.path("/proc")))
    if orphans:
        words = ", ".join(f"{name} (pid {pid})" for pid, name in orphans)
        fix = f"kill {' '.join(str(pid) for pid, _ in orphans)}"
        yield warning(code, f"an earlier server's processes have outlived it: {words}", fix=fix)
    segments = [p.name for pattern in ("psm_*", "nccl-*") for p in launch.path(_SHM).glob(pattern)]
    if len(segments) >= MANY_SEGMENTS:
        summary = f"{_SHM} has {len(segments)} segments (psm_*, nccl-*); killed servers leave them behind"
        yield warning(code, summary, fix="remove those that no process has mapped")
    if not orphans and len(segments) < MANY_SEGMENTS:
        yield ok(code, "nothing of an earlier server is in the way")


def _orphans(proc: Path) -> Iterator[tuple[int, str]]:
    """VLLM's inner processes whose server is gone: init or a reaper has them now."""
    for status in proc.glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text(errors="replace").splitlines() if ":" in line)
            parent = proc / fields["PPid"].strip() / "comm"
            name = fields["Name"].strip()
            if name.startswith("VLLM::") and not parent.read_text().startswith(_OWNERS):
                yield int(status.parent.name), name
        except (OSError, KeyError, ValueError):
            continue


@rule("machine.cache")
def cache(launch: Launch) -> Iterator[CompatibilityCheck]:
    """VLLM and the hub's library write to their caches."""
    home = launch.environment.get("HOME", "/root")
    base = launch.environment.get("XDG_CACHE_HOME") or f"{home}/.cache"
    folders = {
        "VLLM_CACHE_ROOT": launch.environment.get("VLLM_CACHE_ROOT") or f"{base}/vllm",
        "HF_HOME": launch.environment.get("HF_HOME") or f"{base}/huggingface",
    }
    for name, folder in folders.items():
        yield _cache(launch, name, folder)


def _cache(launch: Launch, name: str, folder: str) -> CompatibilityCheck:
    code = "machine.cache"
    place = launch.path(folder)
    existing = next((p for p in (place, *place.parents) if p.exists()), launch.root)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        summary = f"{folder} cannot be written to: what is compiled or downloaded is not kept, or not possible"
        return warning(code, summary, fix=f"{name}= a folder that can be written to")
    free = shutil.disk_usage(existing).free
    if free < FREE_DISK:
        return warning(code, f"{folder} has {free / _GIB:.1f} GiB left", fix=f"make room, or {name}= another folder")
    return ok(code, f"{folder} can be written to and has {free / _GIB:.0f} GiB left")


@rule("machine.network_filesystem")
def network_filesystem(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Memory-mapped metrics and compiled code do not bear a network file system."""
    places = {
        "PROMETHEUS_MULTIPROC_DIR": "vLLM's /metrics answers 500 there",
        "VLLM_CACHE_ROOT": "compiled code is loaded slowly, and locks may fail",
        "VLLM_RPC_BASE_PATH": "sockets cannot be made there",
        "TMPDIR": "sockets and locks may fail there",
    }
    for name, harm in places.items():
        folder = launch.environment.get(name)
        kind = filesystem_of(launch, folder) if folder else ""
        if kind in NETWORK:
            yield warning(
                "machine.network_filesystem", f"{name} {folder} is on {kind}: {harm}", fix=f"{name}=/tmp/vllm"
            )


RULES = (open_files, locked_memory, shared_memory, leftovers, cache, network_filesystem)
