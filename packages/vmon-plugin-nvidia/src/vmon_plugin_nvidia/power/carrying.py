"""Carry out a power action with the driver as it is now. Only the plugin's process imports this module."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pynvml

from vmon_core.records import Outcome, OutcomeStatus
from vmon_plugin_nvidia.power.actions import PowerActions
from vmon_plugin_nvidia.power.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from vmon_core.records import Action
    from vmon_plugin_nvidia.driver import Driver

OPENING_SECONDS = 2.0
"""Seconds to wait for a driver that nobody has opened yet."""


def carry_out(action: Action, driver: Driver, ledger: Path | None) -> Outcome:
    """Do it.

    Args:
        action: of one of the kinds in `ACTIONS`.
        driver: the way to the GPUs.
        ledger: the file in which changes are noted; None for a plugin that was not started.

    Returns:
        What came of it; without a driver, why there is none.
    """
    if driver.ready(time.time(), OPENING_SECONDS) and ledger is not None:
        return PowerActions(pynvml, Ledger(ledger)).carry_out(action)
    detail = driver.absent or "the plugin was not started, or its driver is not open yet"
    return Outcome(action=action.id, status=OutcomeStatus.FAILED, detail=detail, time=action.time)
