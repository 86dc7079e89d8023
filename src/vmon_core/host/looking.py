"""Look at the devices without waiting for them: a driver may hang, and nobody who asks may hang with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmon_core.devices import Inventory


class DeviceLook:
    """One look at the devices, which begins at once in a thread of its own.

    Args:
        ask: asks all plugins, however long that takes, such as `Hooks.inventory`.
        then: takes what was told, in that thread.
    """

    def __init__(self, ask: Callable[[], Inventory], then: Callable[[Inventory], None] = lambda _: None) -> None:
        self._ask = ask
        self._then = then
        self._told: Inventory | None = None
        self._thread = threading.Thread(target=self._look, name="vmon-devices", daemon=True)
        self._thread.start()

    def told(self, patience: float = 0.0) -> Inventory | None:
        """What was told, None while nothing has come; waits for it for at most `patience` seconds."""
        self._thread.join(patience)
        return self._told

    def _look(self) -> None:
        told = self._ask()
        self._then(told)
        self._told = told
