"""How long each phase of a start takes, in the proportions of a recorded one."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RECORDED: dict[str, float] = {
    "launching": 9.07,
    "initializing": 0.35,
    "starting_engine": 7.21,
    "connecting_workers": 8.61,
    "loading_weights": 0.80,
    "compiling": 17.35,
    "allocating_kv_cache": 0.05,
    "warming_up": 0.95,
    "starting_server": 0.61,
}
"""Seconds of each phase on a quiet machine: the recordings `json_native` and (compiling) `compile_cold`.

The names are those of vmon's life-cycle states, in lower case.
"""

PHASES = tuple(RECORDED)

CHECK_SECONDS = 0.5
"""How often a process that waits looks whether its parent is still there."""


def timeline(total: float, *, eager: bool, overrides: Mapping[str, float] | None = None) -> dict[str, float]:
    """Seconds for each phase.

    Args:
        total: seconds for the whole start.
        eager: leave out the compilation.
        overrides: phases with a length of their own; infinity means that the phase never ends.

    >>> short = timeline(3.0, eager=True, overrides={"loading_weights": 2.0})
    >>> round(short["launching"], 2), short["loading_weights"], short["compiling"]
    (0.98, 2.0, 0.0)
    """
    recorded = {phase: 0.0 if eager and phase == "compiling" else seconds for phase, seconds in RECORDED.items()}
    scale = total / math.fsum(recorded.values())
    return {phase: seconds * scale for phase, seconds in recorded.items()} | dict(overrides or {})


def spend(seconds: float, check: Callable[[], None] = lambda: None) -> None:
    """Let a phase pass; one that is stuck never returns.

    Args:
        seconds: how long; infinity means for ever.
        check: called about twice a second, to raise when there is no reason to go on.
    """
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        check()
        time.sleep(min(left, CHECK_SECONDS))
