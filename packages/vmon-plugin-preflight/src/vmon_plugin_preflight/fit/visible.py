"""Which devices a launch will see, by the variables and the options that choose among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from vmon_core.devices import Device
from vmon_plugin_preflight.launch import Platform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_plugin_preflight.launch import Launch

_KINDS = {Platform.CUDA: "nvidia", Platform.ROCM: "amd"}
_VARIABLES = {"nvidia": ("CUDA_VISIBLE_DEVICES",), "amd": ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")}


@attrs.frozen
class Visible:
    """The devices that a launch will see.

    Attributes:
        devices: which, in the order in which ranks take them; None when it cannot be told.
        why: what chose them, or why it cannot be told.
    """

    devices: tuple[Device, ...] | None
    why: str

    def weakest(self, ranks: int) -> tuple[Device, ...]:
        """The devices that so many ranks take; all of them when they differ, since their order is CUDA's own."""
        devices = self.devices or ()
        return devices if len({device.model for device in devices}) > 1 else devices[:ranks]


def visible(launch: Launch) -> Visible:
    """Find the devices that `launch` will see."""
    kind = _KINDS.get(launch.platform)
    if kind is None:
        return Visible(None, f"vmon does not know how a launch on {launch.platform} chooses its devices")
    devices = [device for device in launch.devices if device.kind == kind]
    if not devices:
        return Visible(None, f"nobody tells the {kind} devices of this machine")
    chosen = _by_variable(launch, kind, devices)
    ids = launch.arguments.get("device_ids", str)
    if chosen.devices is None or not ids:
        return chosen
    return _by_option(ids, chosen)


def _by_variable(launch: Launch, kind: str, devices: Sequence[Device]) -> Visible:
    """Apply the variable that hides devices."""
    name = next((name for name in _VARIABLES[kind] if name in launch.environment), None)
    if name is None:
        parents = {device.parent for device in devices if device.instance is not None}
        if parents:
            return Visible(None, "the devices are cut into instances, and no variable chooses one")
        return Visible(tuple(sorted(devices, key=lambda d: d.index)), f"all {kind} devices")
    text = launch.environment[name]
    found = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        device = _named(word, devices)
        if device is None:
            break  # CUDA takes those before the first that it does not know
        found.append(device)
    return Visible(tuple(found), f"{name}={text}")


def _named(word: str, devices: Sequence[Device]) -> Device | None:
    """The device that a word means: an index, or the beginning of a UUID."""
    if word.lstrip("-").isdigit():
        return next((d for d in devices if d.index == int(word) and d.instance is None), None)
    matches = [d for d in devices if d.uuid.startswith(word)]
    return matches[0] if len(matches) == 1 else None


def _by_option(ids: str, chosen: Visible) -> Visible:
    """Apply `--device-ids`, whose numbers count among those that are left."""
    devices = chosen.devices or ()
    found: list[Device | None] = []
    for word in ids.split(","):
        if word.strip().isdigit():
            found += devices[int(word) : int(word) + 1]
        else:
            found.append(_named(word.strip(), devices))
    return Visible(tuple(device for device in found if device is not None), f"--device-ids {ids}, {chosen.why}")
