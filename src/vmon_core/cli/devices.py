"""`vmon devices`: the accelerators of this machine."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmon_core.cli.common import emit_json, json_option, load_host
from vmon_core.lifecycle.capture.files import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmon_core.devices import Device, DeviceProcess, Inventory
    from vmon_core.host.plugin_host import PluginHost

NONE_KNOWN = 3
"""The exit code when no device is known, or a plugin could not tell its own."""

_GIB = 1 << 30

_COLOURS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red", "lost": "red"}

PATIENCE = 20.0
"""Seconds for all plugins together: waking up eight GPUs that nobody used takes NVIDIA's driver about ten."""

_RUNTIMES = {"nvidia": "CUDA", "amd": "ROCm"}

_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
"""PCI vendor ids."""

_GPU_CLASSES = ("0x0302", "0x0380", "0x1200")
"""PCI classes of compute GPUs: 3D controller, other display controller, processing accelerator. VGA (0x0300) is left
out: servers have one for their console."""


@click.command("devices")
@json_option
def command(as_json: bool) -> None:
    """List the accelerators of this machine, each vendor's in a section of its own.

    Each line tells number, model, PCI address, memory in use, and health with what speaks against it; below it are
    the processes that hold its memory, and its MIG instances. What a driver does not tell is left out.

    \b
    Exit code:  0 devices are listed
                3 there is none, or a plugin could not tell; standard error says why

    \b
    Memory that is free on each device:  vmon devices --json | jq '.name, .memory_free_bytes'
    """
    from vmon_core.host.guarded import guarded
    from vmon_core.host.say import nobody

    host = load_host()
    inventory = guarded(host.hooks.inventory, "asking for the devices", nobody, PATIENCE)
    devices = sorted(inventory.devices, key=_place)
    if as_json:
        for device in devices:
            emit_json(as_dict(device))
    else:
        click.echo("\n".join(section_lines(devices)), nl=bool(devices))
    for line in doubts(inventory, host):
        click.echo(line, err=True)
    sys.exit(0 if devices and not inventory.silent else NONE_KNOWN)


def _place(device: Device) -> tuple[str, int, int]:
    return device.kind, device.index, -1 if device.instance is None else device.instance


def as_dict(device: Device) -> dict[str, Any]:
    """A device as plain data, with its name and label."""
    import attrs

    return {"name": device.name, "label": device.label, **attrs.asdict(device)}


# --- for people ---


def section_lines(devices: Sequence[Device]) -> Iterator[str]:
    """A section for each kind of device; `devices` are sorted."""
    for number, (kind, group) in enumerate(groupby(devices, lambda device: device.kind)):
        members = list(group)
        if number:
            yield ""
        yield click.style(_heading(kind, members), bold=True)
        widths = [max(len(row[i]) for row in map(_row, members)) for i in range(4)]
        for device in members:
            yield from _device_lines(device, widths)


def _heading(kind: str, members: Sequence[Device]) -> str:
    """Such as `nvidia, driver 580.65, CUDA 13.0`; devices that disagree are all quoted."""
    drivers = sorted({d.driver for d in members if d.driver})
    runtimes = sorted({d.runtime for d in members if d.runtime})
    parts = [kind]
    parts += [f"driver {', '.join(drivers)}"] if drivers else []
    parts += [f"{_RUNTIMES.get(kind, 'runtime')} {', '.join(runtimes)}"] if runtimes else []
    return ", ".join(parts)


def _row(device: Device) -> tuple[str, str, str, str]:
    indent = "" if device.instance is None else "  "
    return f"{indent}{device.label}", device.model or "?", device.pci, memory_text(device)


def _device_lines(device: Device, widths: Sequence[int]) -> Iterator[str]:
    columns = "  ".join(text.ljust(width) for text, width in zip(_row(device), widths, strict=True))
    state = "lost" if device.lost else device.health.value
    yield f"  {columns}  {click.style(state, fg=_COLOURS.get(state, 'cyan'))}"
    indent = " " * (widths[0] + 4)
    yield from (f"{indent}{reason}" for reason in device.reasons)
    if device.recovery.value not in ("none", "unknown"):
        yield f"{indent}what would help: {device.recovery.value.replace('_', ' ')}"
    yield from (f"{indent}{_process_text(process)}" for process in device.processes)


def memory_text(device: Device) -> str:
    """How much of its memory is used.

    >>> from vmon_core.devices import Device
    >>> memory_text(Device(kind="nvidia", index=0, memory_bytes=80 << 30, memory_free_bytes=20 << 30))
    '60.0 of 80.0 GiB'
    >>> memory_text(Device(kind="nvidia", index=0))
    '?'
    """
    total, free = device.memory_bytes, device.memory_free_bytes
    if total is None:
        return "?"
    used = "?" if free is None else f"{(total - free) / _GIB:.1f}"
    return f"{used} of {total / _GIB:.1f} GiB"


def _process_text(process: DeviceProcess) -> str:
    """A process by its number, its name where it is one of ours to see, and what it holds."""
    name = read(Path("/proc") / str(process.pid) / "comm")
    held = "" if process.memory_bytes is None else f"{process.memory_bytes / _GIB:.1f} GiB"
    return " ".join(filter(None, ("pid", str(process.pid), name, held)))


# --- why there is none ---


def doubts(inventory: Inventory, host: PluginHost, root: Path = Path("/")) -> Iterator[str]:
    """What speaks against the list being complete: plugins that could not tell, or that there is nothing in it."""
    yield from (f"plugin {plugin} could not tell: {why}" for plugin, why in inventory.silent.items())
    if inventory.devices or inventory.silent:
        return
    asked = [p.info.name for p in host.plugins if p.of("vmon_devices")]
    yield f"no device is known: {_why_none(asked)}{_on_bus(root)}"
    yield from (f"plugin {r.name} is not loaded: {r.reason}" for r in host.report.rejected)


def _why_none(asked: Sequence[str]) -> str:
    if not asked:
        return "no loaded plugin reads GPUs; vmon-plugin-nvidia reads NVIDIA's, vmon-plugin-amd AMD's"
    return f"{' and '.join(asked)} found none: no driver of theirs is loaded, or it shows none here"


def _on_bus(root: Path) -> str:
    """Say so when the PCI bus has GPUs all the same: then the driver is what is missing."""
    found: dict[str, int] = {}
    for folder in (root / "sys/bus/pci/devices").glob("*"):
        vendor = _VENDORS.get(read(folder / "vendor"))
        if vendor and read(folder / "class").startswith(_GPU_CLASSES):
            found[vendor] = found.get(vendor, 0) + 1
    counted = ", ".join(f"{count} of {vendor}" for vendor, count in sorted(found.items()))
    return f"; the PCI bus has GPUs that no driver shows: {counted}" if counted else ""
