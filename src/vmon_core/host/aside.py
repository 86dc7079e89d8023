"""Call a plugin in a thread of its own, and go on without it when it does not come back."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vmon_core.host.dispatch import Abandoned, Dispatcher

if TYPE_CHECKING:
    from vmon_core.host.dispatch import Implementation
    from vmon_core.host.say import Say

DEADLINE = 10.0
"""Seconds that a plugin may take to start or to stop; one that reads the rest of a log takes less than one."""


def call_aside(
    implementation: Implementation, arguments: dict[str, Any], say: Say, *, deadline: float = DEADLINE
) -> None:
    """Call one implementation; the caller is back after `deadline` seconds at the latest.

    The watchdog of the pipeline cannot help here: the thread that starts and stops plugins is the user's own.

    Args:
        implementation: of a hook that returns nothing.
        arguments: all arguments of the hook by name.
        say: is told when it fails, or does not return.
        deadline: seconds to wait.
    """
    dispatcher = Dispatcher(say)

    def call() -> None:
        dispatcher.watch()
        with suppress(Abandoned):
            dispatcher.call_all([implementation], arguments)

    thread = threading.Thread(target=call, name=implementation.thread, daemon=True)
    thread.start()
    thread.join(deadline)
    if thread.is_alive():
        dispatcher.abandon(0.0)
