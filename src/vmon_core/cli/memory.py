"""Keep a long-running command small."""

from __future__ import annotations

import contextlib
import ctypes

M_ARENA_MAX = -8
"""The option's number in glibc's malloc.h."""


def share_one_arena() -> None:
    """Let all threads allocate from one pool of memory.

    The C library gives each thread its own, and none of them gives much back. vmon's threads hardly ever allocate at
    the same time, so they lose nothing: measured on `vmon watch`, 45 MB resident become 40.5 MB. Where the C library
    has no such option, nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
