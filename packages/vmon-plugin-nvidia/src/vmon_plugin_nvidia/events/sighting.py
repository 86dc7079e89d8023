"""One look at an Xid, by one of those that tell of it."""

from __future__ import annotations

import attrs

FALLEN_OFF = 79
"""The Xid of a GPU that has fallen off the bus."""


@attrs.frozen
class Sighting:
    """Somebody told of an Xid.

    Attributes:
        pci: the GPU's address as in `Device.pci`, "" where it is not told.
        code: the Xid.
        time: when it happened as far as the source knows, Unix seconds.
        source: who told it.
        detail: what else was told.
        pid: the process that it is about, where told.
        count: how often.
    """

    pci: str
    code: int
    time: float
    source: str
    detail: str = ""
    pid: int | None = None
    count: int = 1
