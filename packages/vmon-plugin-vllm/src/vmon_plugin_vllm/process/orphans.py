"""Orphans: being handed those that a dead server leaves, and burying them."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_plugin_vllm.process.procfs import Stat

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def become_subreaper() -> bool:
    """Ask the kernel to hand orphaned descendants to this process, as it would hand them to init.

    Returns:
        Whether it will; where it does not (a seccomp filter), orphans go to init and are still found by their session.
    """
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def bury(dead: Iterable[Stat]) -> None:
    """Take the exit status of processes that this process adopted, so that no zombie of theirs is left.

    Args:
        dead: processes of one deployment; those that run, or are children of others, are left alone.
    """
    for stat in dead:
        if stat.ended and stat.parent == os.getpid():
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, stat.pid, os.WEXITED | os.WNOHANG)
