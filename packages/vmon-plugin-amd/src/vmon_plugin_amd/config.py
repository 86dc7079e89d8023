"""The `[plugins.amd]` table."""

from __future__ import annotations

import attrs
from attrs.validators import gt


@attrs.frozen(kw_only=True)
class AMDConfig:
    """What is measured and how often.

    Attributes:
        interval: seconds between two measurements; whole seconds from one up make a difference.
        slow_interval: seconds between two looks at what changes seldom: xGMI links, processes, the PCIe link, limits
            and retired pages.
        links: whether each xGMI link is measured.
        processes: whether the memory of each process is measured.
        events: whether the driver is asked for its events (memory faults, resets).
    """

    interval: float = attrs.field(default=5.0, validator=gt(0))
    slow_interval: float = attrs.field(default=15.0, validator=gt(0))
    links: bool = True
    processes: bool = True
    events: bool = True
