"""Which accelerators a launch would use, and which of them work in lockstep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.lifecycle.capture.arguments import parse_command
from vmon_plugin_topology.devices import node_id
from vmon_plugin_topology.graph import Node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmon_core.devices import Device
    from vmon_core.plugin import LaunchRequest
    from vmon_plugin_topology.graph import Topology

_VISIBLE = {"nvidia": ("CUDA_VISIBLE_DEVICES",), "amd": ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")}
_REMOTE = ("kv_transfer_config", "data_parallel_address")


@attrs.frozen(kw_only=True)
class Placement:
    """Where a launch would run.

    Attributes:
        visible: the accelerators that it would see, in its order.
        groups: those of each tensor parallel group on this machine.
        remote: whether it talks to other machines.
        unknown: why `groups` cannot be told, "" when they are.
    """

    visible: tuple[Node, ...] = ()
    groups: tuple[tuple[Node, ...], ...] = ()
    remote: bool = False
    unknown: str = ""


def placement(launch: LaunchRequest, topology: Topology, devices: Sequence[Device]) -> Placement:
    """Say where a launch would run.

    vLLM gives its ranks the visible devices in their order: tensor parallel ranks are neighbours, then pipeline stages,
    then data parallel engines (vLLM 0.32, `vllm/distributed/parallel_state.py`, `initialize_model_parallel`).

    Args:
        launch: the command and its environment.
        topology: of this machine, with its devices.
        devices: what drivers tell; without them the accelerators of the PCI bus count, in the order of their addresses.
    """
    arguments = parse_command(launch.command)
    size = _whole(arguments, "tensor_parallel_size")
    remote = _whole(arguments, "nnodes") > 1 or any(name.partition(".")[0] in _REMOTE for name in arguments)
    visible = _visible(launch.environment, topology, devices)
    if isinstance(visible, str):
        return Placement(remote=remote, unknown=visible)
    if _whole(arguments, "nnodes") > 1:
        size = min(size, len(visible))
    known = Placement(visible=visible, remote=remote)
    if size < 2:  # noqa: PLR2004 (a group of one talks to nobody)
        return known
    unknown = _why_unknown(arguments, len(visible), size)
    if unknown:
        return attrs.evolve(known, unknown=unknown)
    count = _whole(arguments, "pipeline_parallel_size") * _engines(arguments)
    starts = range(0, min(count * size, len(visible) - len(visible) % size), size)
    return attrs.evolve(known, groups=tuple(visible[start : start + size] for start in starts))


def _whole(arguments: Mapping[str, Any], name: str) -> int:
    value = arguments.get(name)
    return value if isinstance(value, int) and value > 0 else 1


def _engines(arguments: Mapping[str, Any]) -> int:
    """The engines on this machine."""
    return _whole(
        arguments, "data_parallel_size_local" if "data_parallel_size_local" in arguments else "data_parallel_size"
    )


def _why_unknown(arguments: Mapping[str, Any], visible: int, size: int) -> str:
    if arguments.get("distributed_executor_backend") == "ray":
        return "Ray decides which devices the workers get"
    if "device_ids" in arguments:
        return "--device-ids chooses the devices"
    return f"{size} ranks need as many devices, and {visible} are visible" if visible < size else ""


def _visible(environment: Mapping[str, str], topology: Topology, devices: Sequence[Device]) -> tuple[Node, ...] | str:
    """The devices that a CUDA or HIP program would see, or why that is not known."""
    whole = sorted((device for device in devices if device.instance is None), key=lambda device: device.index)
    kinds = {device.kind for device in whole}
    if len(kinds) > 1:
        return f"there are devices of several vendors: {', '.join(sorted(kinds))}"
    if (
        kinds == {"nvidia"}
        and len({d.model for d in whole}) > 1
        and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID"
    ):
        return "CUDA puts unlike devices into an order of its own, unless CUDA_DEVICE_ORDER=PCI_BUS_ID is set"
    nodes = [topology.by_id[node_id(topology, device)] for device in whole] or list(topology.gpus)
    chosen = next((environment[name] for name in _variables(kinds) if environment.get(name) is not None), None)
    if chosen is None:
        return tuple(nodes)
    names = [device.uuid for device in whole] or [""] * len(nodes)
    return _chosen(chosen, nodes, names)


def _variables(kinds: set[str]) -> tuple[str, ...]:
    return _VISIBLE.get(next(iter(kinds), "nvidia"), ())


def _chosen(text: str, nodes: list[Node], uuids: list[str]) -> tuple[Node, ...] | str:
    """Read `CUDA_VISIBLE_DEVICES`: numbers or the beginnings of UUIDs; the first that makes no sense ends the list."""
    found: list[Node] = []
    for word in (part.strip() for part in text.split(",")):
        if word.startswith("MIG-"):
            return "MIG instances are chosen"
        by_number = [int(word)] if word.isascii() and word.isdecimal() and len(word) <= 4 else []  # noqa: PLR2004 (digits)
        by_uuid = [place for place, uuid in enumerate(uuids) if word.startswith("GPU-") and uuid.startswith(word)]
        places = [place for place in (by_number or by_uuid) if place < len(nodes)]
        if len(places) != 1:
            break
        found.append(nodes[places[0]])
    return tuple(found)
