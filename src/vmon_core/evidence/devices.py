"""What accelerators and their drivers tell, whatever their vendor."""

from __future__ import annotations

from enum import StrEnum

import attrs

from vmon_core.evidence.base import Evidence, Source


class Health(StrEnum):
    """How well a device is.

    `DEGRADED` is a defect that the work does not suffer from. `UNKNOWN` means that nobody can tell, which is not bad
    news and never a reason to act.
    """

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class Recovery(StrEnum):
    """What would bring a device back; `UNKNOWN` where neither the driver nor a table says.

    The names are those of NVML's `NVML_FI_DEV_GET_GPU_RECOVERY_ACTION`, with what an application can do before them.
    """

    NONE = "none"
    RESTART_APPLICATION = "restart_application"
    RESET_DEVICE = "reset_device"
    DRAIN_AND_RESET = "drain_and_reset"
    REBOOT_NODE = "reboot_node"
    CONTACT_SUPPORT = "contact_support"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class DeviceEvent(Evidence):
    """Something happened to a device.

    Attributes:
        device: its name for people, as in `Device.name`: `nvidia:3`; "" when it cannot be told which one.
        code: stable, such as `xid.79`, `gpu.lost` or `ecc.uncorrected`.
        recovery: what would help.
        count: how often it happened since the event before.
        pid: the process that it is about, where known.
    """

    source = Source.DEVICE
    device: str
    code: str
    recovery: Recovery = Recovery.UNKNOWN
    count: int = 1
    pid: int | None = None


@attrs.frozen(kw_only=True)
class DeviceJudged(Evidence):
    """How a device is, told when it changes and again once a minute.

    Attributes:
        device: its name for people: `nvidia:3`.
        health: how well it is.
        reasons: why, each a sentence with its figures; empty for a healthy one.
        codes: for each reason a stable code, such as `ecc.uncorrected`.
        recovery: what would help.
    """

    source = Source.DEVICE
    device: str
    health: Health
    reasons: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    recovery: Recovery = Recovery.NONE
