"""A look at the devices: nobody waits for it longer than he wants to."""

from __future__ import annotations

import threading

from vmon_core.devices import Device, Inventory
from vmon_core.host.looking import DeviceLook

FOUND = Inventory((Device(kind="nvidia", index=0),))


def test_what_was_told_is_handed_on() -> None:
    """Both who waits and who asked to be told hear it."""
    heard: list[Inventory] = []
    look = DeviceLook(lambda: FOUND, heard.append)
    assert look.told(20.0) is FOUND
    assert heard == [FOUND]


def test_a_driver_that_hangs_holds_nobody_up() -> None:
    """There is no answer, and whoever asks is back at once."""
    release = threading.Event()
    look = DeviceLook(lambda: FOUND if release.wait(60) else Inventory())
    assert look.told() is None
    release.set()
    assert look.told(20.0) is FOUND
