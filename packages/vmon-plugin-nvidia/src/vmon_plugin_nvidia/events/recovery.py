"""What the driver itself says would help: `NVML_FI_DEV_GET_GPU_RECOVERY_ACTION`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.evidence import Recovery

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACTIONS: Mapping[int, Recovery] = {
    0: Recovery.NONE,
    1: Recovery.RESET_DEVICE,
    2: Recovery.REBOOT_NODE,
    3: Recovery.DRAIN_AND_RESET,  # drain what uses peer to peer
    4: Recovery.DRAIN_AND_RESET,
    5: Recovery.DRAIN_AND_RESET,  # recover the IMEX domain
    6: Recovery.RESET_DEVICE,  # by the bus
    7: Recovery.REBOOT_NODE,  # the whole system
}


def recovery_of(action: float | None) -> Recovery | None:
    """Read the field.

    Args:
        action: its value, None where this driver or GPU has no such field.

    Returns:
        What would help; `UNKNOWN` for a number of a newer driver.

    >>> recovery_of(4).value, recovery_of(99).value, recovery_of(None)
    ('drain_and_reset', 'unknown', None)
    """
    return None if action is None else _ACTIONS.get(int(action), Recovery.UNKNOWN)
