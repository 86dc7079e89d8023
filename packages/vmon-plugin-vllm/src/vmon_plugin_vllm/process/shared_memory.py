"""Files under /dev/shm: which there are, and which processes hold them."""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_plugin_vllm.process.procfs import ProcFS

FOLDER = "/dev/shm"  # noqa: S108 (the kernel's own place for it)

_PATTERNS = (
    "psm_*",  # multiprocessing.shared_memory: vLLM's message queues
    "sem.mp-*",  # multiprocessing semaphores
    "nccl-*",
    "torch_*",
    "VLLM_OBJECT_STORAGE_SHM_BUFFER_*",  # the cache of multi-modal inputs
)


def names(folder: str = FOLDER) -> frozenset[str]:
    """The names, of the kinds that vLLM makes, that belong to this user.

    Args:
        folder: where to look.

    Returns:
        File names without the folder.
    """
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if _is_vllm_kind(entry.name) and _is_mine(entry))
    except OSError:
        return frozenset()


def held_by(pids: Iterable[int], procfs: ProcFS, folder: str = FOLDER) -> frozenset[str]:
    """The names that processes have open or mapped.

    Args:
        pids: the processes to look into; those that may not be looked into are passed over.
        procfs: the process table.
        folder: where the files lie.

    Returns:
        File names without the folder.
    """
    prefix = folder + "/"
    found: set[str] = set()
    for pid in pids:
        found.update(link for link in procfs.links(pid) if link.startswith(prefix))
        found.update(line[line.index(prefix) :] for line in procfs.maps(pid).splitlines() if prefix in line)
    return frozenset(path.removeprefix(prefix) for path in found if not path.endswith(" (deleted)"))


def changed_since(name: str, time: float, folder: str = FOLDER) -> bool:
    """Whether a file was made, or last changed, after `time` (Unix seconds)."""
    try:
        return os.stat(f"{folder}/{name}", follow_symlinks=False).st_ctime >= time  # noqa: PTH116 (folder is text)
    except OSError:
        return False


def remove(name: str, folder: str = FOLDER) -> None:
    """Unlink one file; when it is gone already, or may not be unlinked, nothing happens."""
    try:
        os.unlink(f"{folder}/{name}")  # noqa: PTH108 (folder is text)
    except OSError:
        return


def _is_vllm_kind(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _PATTERNS)


def _is_mine(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    except OSError:
        return False
