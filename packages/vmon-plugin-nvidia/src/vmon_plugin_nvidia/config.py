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
    """

    interval: float = attrs.field(default=5.0, validator=gt(0))
    slow_interval: float = attrs.field(default=15.0, validator=gt(0))
    links: bool = True
    processes: bool = True
