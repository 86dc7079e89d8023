"""Notice that the parent is gone, so that no process of a forgotten stand-in lives on for ever."""

from __future__ import annotations

import os
import time


class Parent:
    """The parent of the current process.

    Args:
        pid: its pid, taken before the fork: by the time that a child looks, its parent may be another one.
        patience: seconds that this process may outlive it.
    """

    def __init__(self, pid: int, patience: float) -> None:
        self._pid = pid
        self._patience = patience
        self._gone_since: float | None = None

    @property
    def gone(self) -> bool:
        """Whether it ended; children of an ended process get another parent."""
        return os.getppid() != self._pid

    def check(self) -> None:
        """Do nothing while the parent lives or patience lasts.

        Raises:
            SystemExit: this process outlived its parent for too long.
        """
        if not self.gone:
            return
        now = time.monotonic()
        if self._gone_since is None:
            self._gone_since = now
        if now - self._gone_since >= self._patience:
            raise SystemExit(0)
