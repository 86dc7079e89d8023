"""Space on file systems, asked for in a thread of its own: a network file system that hangs must cost nothing else."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from vmon_plugin_system.metrics import sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmon_core.records import Sample

PATIENCE = 0.5
"""Seconds that an answer is waited for; a local one takes microseconds, a busy NFS server some hundredths."""

MOST = 16
"""File systems measured at most."""

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 (vLLM's processes talk through it; nothing is written there)


def watched_paths(command: Sequence[str], own: Iterable[str]) -> tuple[str, ...]:
    """Say where space matters: for the model, if it is a folder, for shared memory, and for `own`.

    Args:
        command: the server's command line.
        own: paths that were asked for.

    >>> watched_paths(("vllm", "serve", "/models/m", "--port", "1"), ["/data"])
    ('/models/m', '/dev/shm', '/data')
    >>> watched_paths(("vllm", "serve", "org/model"), [])
    ('/dev/shm',)
    """
    after = {word: value for word, value in pairwise(command) if word in ("serve", "--model")}
    models = [path for path in after.values() if path.startswith("/")]
    return tuple(dict.fromkeys([*models, _SHARED_MEMORY, *own]))


class Filesystems:
    """Measures the file systems that hold some paths.

    Args:
        paths: where; several on one file system count once, under the first of them.
        patience: seconds to wait for the answers.
    """

    def __init__(self, paths: Sequence[str], patience: float = PATIENCE) -> None:
        self._paths = paths
        self._patience = patience
        self._asking: threading.Thread | None = None
        self._answer: list[Sample] = []

    def samples(self, now: float) -> list[Sample]:
        """Read the space in use and left; nothing while one of the file systems does not answer."""
        if self._asking is not None and self._asking.is_alive():
            return []
        self._asking = threading.Thread(target=self._ask, args=(now,), name="vmon-filesystems", daemon=True)
        self._asking.start()
        self._asking.join(self._patience)
        return [] if self._asking.is_alive() else self._answer

    def _ask(self, now: float) -> None:
        self._answer = []
        seen: set[int] = set()
        for path in self._paths:
            try:
                device = Path(path).stat().st_dev
                if device in seen or len(seen) == MOST:
                    continue
                seen.add(device)
                usage = psutil.disk_usage(path)
            except OSError:
                continue
            self._answer += [
                sample("system.disk.used", usage.used, now, path=path),
                sample("system.disk.free", usage.free, now, path=path),
            ]
