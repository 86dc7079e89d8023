"""The machine that this process runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmon_plugin_topology.devices import with_devices
from vmon_plugin_topology.sysfs import read_sysfs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmon_core.devices import Device
    from vmon_plugin_topology.graph import Topology


def this_machine(devices: Iterable[Device]) -> Topology:
    """Read this machine anew, with what drivers tell of its devices."""
    return with_devices(read_sysfs(), devices)
