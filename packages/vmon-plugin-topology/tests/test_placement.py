"""Which accelerators a launch would use."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmon_core.devices import Device
from vmon_core.plugin import LaunchRequest
from vmon_plugin_topology.devices import with_devices
from vmon_plugin_topology.graph import Node, NodeKind, Topology
from vmon_plugin_topology.placement import Placement, placement

DEVICES = [Device(kind="nvidia", index=n, uuid=f"GPU-{n}abc", model="H100") for n in range(8)]


def place(command: str, devices: list[Device] = DEVICES, **environment: str) -> Placement:
    """Where a command would run."""
    launch = LaunchRequest(
        command=("vllm", "serve", "m", *command.split()), environment=environment, directory=Path("/nowhere")
    )
    return placement(launch, with_devices(Topology(source=""), devices), devices)


def groups(*args: str, **environment: str) -> list[str]:
    """The numbers of each group's devices."""
    return ["".join(gpu.name[-1] for gpu in group) for group in place(*args, **environment).groups]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("", []),
        ("-tp 1", []),
        ("-tp 2", ["01"]),
        ("--tensor-parallel-size=4", ["0123"]),
        ("-tp 2 -pp 2", ["01", "23"]),
        ("-tp 2 -dp 3", ["01", "23", "45"]),
        ("-tp 2 -dp 4 --data-parallel-size-local 1", ["01"]),
        ("-tp 3 -dp 4", ["012", "345"]),
        ("-tp 16 --nnodes 2", ["01234567"]),
        ("-tp nonsense", []),
    ],
)
def test_groups(command: str, expected: list[str]) -> None:
    """Tensor parallel ranks are neighbours."""
    assert groups(command) == expected


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("4,5", ["45"]), ("7, 0", ["70"]), ("GPU-2,GPU-3a", ["23"]), ("1,2,99,3", ["12"]), ("3,4,-1,5", ["34"])],
)
def test_visible_devices(visible: str, expected: list[str]) -> None:
    """Numbers and beginnings of UUIDs, up to the first that makes no sense, as CUDA reads them."""
    assert groups("-tp 2", CUDA_VISIBLE_DEVICES=visible) == expected


@pytest.mark.parametrize(
    ("command", "environment", "said"),
    [
        ("-tp 2", {"CUDA_VISIBLE_DEVICES": ""}, "0 are visible"),
        ("-tp 9", {}, "9 ranks need as many devices, and 8 are visible"),
        ("-tp 2", {"CUDA_VISIBLE_DEVICES": "MIG-1,MIG-2"}, "MIG"),
        ("-tp 2 --distributed-executor-backend ray", {}, "Ray"),
        ("-tp 2 --device-ids 3,4", {}, "--device-ids"),
    ],
)
def test_what_is_not_known(command: str, environment: dict[str, str], said: str) -> None:
    """Nothing is guessed."""
    found = place(command, **environment)
    assert found.groups == ()
    assert said in found.unknown


def test_unlike_devices() -> None:
    """CUDA puts the fastest first, and by address only when told to."""
    devices = [*DEVICES[:2], Device(kind="nvidia", index=2, model="A2")]
    assert "CUDA_DEVICE_ORDER" in place("-tp 2", devices).unknown
    assert len(place("-tp 2", devices, CUDA_DEVICE_ORDER="PCI_BUS_ID").groups) == 1


def test_several_vendors() -> None:
    """Which of them is meant, nobody says."""
    assert "several vendors" in place("-tp 2", [*DEVICES, Device(kind="amd", index=0)]).unknown


def test_amd() -> None:
    """HIP has a variable of its own."""
    devices = [Device(kind="amd", index=n) for n in range(4)]
    assert [gpu.name for gpu in place("-tp 2", devices, HIP_VISIBLE_DEVICES="2,3").visible] == ["GPU2", "GPU3"]


def test_without_a_driver() -> None:
    """The accelerators of the bus count."""
    nodes = tuple(Node(id=f"0000:0{n}:00.0", kind=NodeKind.GPU, label=f"GPU{n}") for n in range(4))
    launch = LaunchRequest(
        command=("vllm", "serve", "m", "-tp", "2"), environment={"CUDA_VISIBLE_DEVICES": "2,3"}, directory=Path()
    )
    found = placement(launch, Topology(source="", nodes=nodes), [])
    assert [gpu.name for gpu in found.visible] == ["GPU2", "GPU3"]


@pytest.mark.parametrize("command", ["--nnodes 2", "--kv-transfer-config.kv_role both", '--kv-transfer-config {"a":1}'])
def test_other_machines(command: str) -> None:
    """Several nodes, or a cache that is sent around."""
    assert place(command).remote
    assert not place("-tp 2").remote
