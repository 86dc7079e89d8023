"""Power actions: set and restore power limits, lock and reset clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_core.plugin import Risk

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTIONS: Mapping[str, Risk] = {
    "nvidia.set_power_limit": Risk.DEGRADES,
    "nvidia.restore_power_limit": Risk.NONE,
    "nvidia.lock_clocks": Risk.DEGRADES,
    "nvidia.reset_clocks": Risk.NONE,
}
"""The kinds of actions, each with what it may cost."""
