"""The `[plugins.nvidia]` table."""

from __future__ import annotations

import attrs
from attrs.validators import gt


@attrs.frozen(kw_only=True)
class NVIDIAConfig:
    """What is measured and how often.

    Attributes:
        interval: seconds between two measurements; whole seconds from one up make a difference.
        slow_interval: seconds between two looks at what changes seldom or is dear to read: NVLinks, processes, the PCIe
            link, the fabric, and limits.
        links: whether each NVLink is measured.
        processes: whether the memory of each process is measured.
        kernel_log: where the kernel tells of Xids; "" to leave it alone.
        xid_table: a TOML file whose entries override those of the table of Xids; "" for none.
    """

    interval: float = attrs.field(default=5.0, validator=gt(0))
    slow_interval: float = attrs.field(default=15.0, validator=gt(0))
    links: bool = True
    processes: bool = True
    kernel_log: str = "/dev/kmsg"
    xid_table: str = ""
