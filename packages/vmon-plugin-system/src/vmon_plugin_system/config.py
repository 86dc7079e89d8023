"""The `[plugins.system]` table."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt


@attrs.frozen(kw_only=True)
class SystemConfig:
    """What is measured and how often.

    Attributes:
        interval: seconds between two measurements; whole seconds from one up make a difference.
        filesystems: further paths whose file systems are measured, next to the model's, vmon's own and /dev/shm.
        processes: whether each process of the server is measured too.
        max_processes: processes measured at most, for each server.
        tree_interval: seconds between two looks for new processes, which read the whole process table.
    """

    interval: float = attrs.field(default=5.0, validator=gt(0))
    filesystems: tuple[str, ...] = ()
    processes: bool = True
    max_processes: int = attrs.field(default=64, validator=ge(1))
    tree_interval: float = attrs.field(default=15.0, validator=ge(0))
