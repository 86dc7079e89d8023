"""Rules about memory, with devices that are records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.devices import Device, DeviceProcess
from vmon_plugin_preflight.fit import cpu_rules, memory_rules
from vmon_testkit.models import write_model
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts
    from vmon_plugin_preflight.launch import Launch

GIB = 1 << 30
LLAMA_8B: dict[str, Any] = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}


def gpu(index: int = 0, total: float = 80, free: float | None = None, **more: Any) -> Device:
    """A device of so many GiB."""
    left = int((total if free is None else free) * GIB)
    return Device(kind="nvidia", index=index, memory_bytes=int(total * GIB), memory_free_bytes=left, **more)


def launch(make: MakeLaunch, tmp_path: Path, arguments: str, *devices: Device, **config: Any) -> Launch:
    """A launch of a Llama of 8 billion parameters on CUDA; its weights are a hole."""
    write_model(tmp_path / "m", **{**LLAMA_8B, **config})
    return make("/m", *arguments.split(), devices=devices, version="0.32.0+cu129")


@pytest.mark.parametrize(
    ("free", "arguments", "verdict"),
    [
        (80, "", "ok"),
        (40, "", "failure"),
        (40, "--gpu-memory-utilization 0.4", "ok"),
        (73, "", "warning"),  # 73.6 GiB are asked for, and CUDA may tell less than the driver
    ],
)
def test_free_memory(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, free: float, arguments: str, verdict: str
) -> None:
    """What others hold counts against the launch."""
    found = verdicts(memory_rules.free, launch(make_launch, tmp_path, arguments, gpu(free=free)))
    assert found == {"memory.free": verdict}


def test_tenants_are_named(make_launch: MakeLaunch, tmp_path: Path) -> None:
    """Who holds the memory is told by pid, and the fix is a share that would work."""
    device = gpu(free=40, processes=(DeviceProcess(42, 40 * GIB), DeviceProcess(43)))
    (check,) = memory_rules.free.run(launch(make_launch, tmp_path, "", device))
    assert check.evidence == ("process 42 holds 40.00 GiB", "process 43 holds an unknown amount")
    assert "--gpu-memory-utilization 0.49" in check.fix


def test_only_the_devices_that_are_used_count(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """A full second device does not matter to one rank."""
    devices = (gpu(0), gpu(1, free=1))
    assert verdicts(memory_rules.free, launch(make_launch, tmp_path, "", *devices)) == {"memory.free": "ok"}
    checks = list(memory_rules.free.run(launch(make_launch, tmp_path, "-tp 2", *devices)))
    assert [str(check.verdict) for check in checks] == ["ok", "failure"]


def test_memory_that_nobody_tells(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Unknown is not full."""
    device = Device(kind="nvidia", index=0, memory_bytes=80 * GIB)
    assert verdicts(memory_rules.free, launch(make_launch, tmp_path, "", device)) == {"memory.free": "not_evaluated"}
    assert verdicts(memory_rules.free, launch(make_launch, tmp_path, "", Device(kind="nvidia", index=0))) == {}


@pytest.mark.parametrize(
    ("total", "arguments", "expected"),
    [
        (80, "", {"memory.weights": "ok", "memory.kv_cache": "ok", "memory.headroom": "ok"}),
        (12, "", {"memory.weights": "failure"}),
        (12, "-tp 2 --max-model-len 8192", {"memory.weights": "ok", "memory.kv_cache": "ok", "memory.headroom": "ok"}),
        (
            12,
            "--cpu-offload-gb 10 --max-model-len 8192",
            {"memory.weights": "ok", "memory.kv_cache": "ok", "memory.headroom": "ok"},
        ),
        (24, "", {"memory.weights": "ok", "memory.kv_cache": "failure"}),
        (24, "--max-model-len auto", {"memory.weights": "ok", "memory.kv_cache": "not_evaluated"}),
        (24, "--max-model-len 32768", {"memory.weights": "ok", "memory.kv_cache": "ok", "memory.headroom": "ok"}),
        (24, "--max-model-len 56000", {"memory.weights": "ok", "memory.kv_cache": "ok", "memory.headroom": "warning"}),
        (
            24,
            "--kv-cache-dtype fp8 --max-model-len 65536",
            {"memory.weights": "ok", "memory.kv_cache": "ok", "memory.headroom": "ok"},
        ),
        (
            24,
            "--quantization fp8 --max-model-len 65536",
            {"memory.weights": "ok", "memory.kv_cache": "ok", "memory.headroom": "ok"},
        ),
    ],
)
def test_fits(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    total: float,
    arguments: str,
    expected: dict[str, str],
) -> None:
    """16 GB of weights, 128 KiB of cache for each token."""
    devices = (gpu(0, total), gpu(1, total))
    assert verdicts(memory_rules.fits, launch(make_launch, tmp_path, arguments, *devices)) == expected


def test_arithmetic_is_shown(make_launch: MakeLaunch, tmp_path: Path) -> None:
    """The figures can be followed from the evidence, and the fix is a length that fits."""
    found = {c.code: c for c in memory_rules.fits.run(launch(make_launch, tmp_path, "", gpu(total=24)))}
    cache = found["memory.kv_cache"]
    assert cache.summary == "one request of 131072 tokens needs 16.00 GiB of cache, and the weights leave 7.12 GiB"
    assert cache.evidence[0] == "2 x 8 heads x 128 elements x 2 B = 4096 B a token and layer"
    assert "--max-model-len 58320" in cache.fix


def test_the_weakest_device_decides(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Devices of different models may be taken in any order."""
    devices = (gpu(0, 80, model="large"), gpu(1, 12, model="small"))
    found = verdicts(memory_rules.fits, launch(make_launch, tmp_path, "", *devices))
    assert found == {"memory.weights": "failure"}


def test_estimates_only_warn(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """The type of the numbers in a *.bin file is not known: twice the memory may be half of it."""
    wanted = launch(make_launch, tmp_path, "", gpu(total=12))
    (tmp_path / "m" / "model.safetensors").rename(tmp_path / "m" / "pytorch_model.bin")
    assert verdicts(memory_rules.fits, wanted) == {"memory.weights": "warning"}


def test_a_model_that_is_not_here(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """Its size is not known."""
    wanted = make_launch("org/none", devices=(gpu(),), version="0.32.0+cu129")
    assert verdicts(memory_rules.fits, wanted) == {"memory.weights": "not_evaluated"}


@pytest.mark.parametrize(
    ("arguments", "environment", "verdict"),
    [
        ("--num-gpu-blocks-override 2 --max-model-len 1024", {}, "failure"),
        ("--num-gpu-blocks-override 9 --max-model-len 1024", {}, "ok"),
        ("", {"VLLM_CPU_KVCACHE_SPACE": "1"}, "ok"),
        ("--kv-cache-memory-bytes 10000", {}, "failure"),
        ("--kv-cache-memory-bytes 10000", {"VLLM_CPU_KVCACHE_SPACE": "1"}, "ok"),  # the variable wins
        ("", {"VLLM_CPU_KVCACHE_SPACE": "0"}, "failure"),
        ("--kv-cache-memory-bytes 10000 --max-model-len auto", {}, "not_evaluated"),
        ("", {}, None),
    ],
)
def test_a_given_cache(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    arguments: str,
    environment: dict[str, str],
    verdict: str | None,
) -> None:
    """One request of full length must fit into it."""
    write_model(tmp_path / "m")
    found = verdicts(memory_rules.given_cache, make_launch("/m", *arguments.split(), environment=environment))
    assert found == ({} if verdict is None else {"memory.given_cache": verdict})


def node(total: int, free: int) -> str:
    """The file in which the kernel tells the memory of a node, in GiB."""
    sizes = {"MemTotal": total, "MemFree": free, "Active(file)": 1, "Inactive(file)": 0, "SReclaimable": 0}
    return "".join(f"Node 0 {name}: {size << 20} kB\n" for name, size in sizes.items())


@pytest.mark.parametrize(
    ("nodes", "environment", "arguments", "verdict"),
    [
        ([(16, 12)], {"VLLM_CPU_KVCACHE_SPACE": "4"}, "", "ok"),
        ([(16, 12)], {"VLLM_CPU_KVCACHE_SPACE": "500"}, "", "failure"),
        ([(16, 12)], {"VLLM_CPU_KVCACHE_SPACE": "lots"}, "", "failure"),
        ([(16, 12)], {"VLLM_CPU_KVCACHE_SPACE": "-1"}, "", "failure"),
        ([(16, 12)], {"VLLM_CPU_KVCACHE_SPACE": ""}, "", "failure"),
        ([(16, 15)], {}, "", "ok"),
        ([(16, 8)], {}, "", "failure"),
        ([(16, 8)], {}, "--gpu-memory-utilization 0.5", "ok"),
        ([(16, 8), (16, 15)], {}, "", "not_evaluated"),
        ([(16, 8), (16, 15)], {"VLLM_CPU_KVCACHE_SPACE": "12"}, "", "ok"),
        ([], {}, "", "not_evaluated"),
    ],
)
def test_memory_of_the_cpu(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    nodes: list[tuple[int, int]],
    environment: dict[str, str],
    arguments: str,
    verdict: str,
) -> None:
    """The cache, or the share of all memory, must be available on a node."""
    folder = "sys/devices/system/node"
    write_tree(tmp_path, {f"{folder}/node{n}/meminfo": node(*sizes) for n, sizes in enumerate(nodes)})
    write_tree(tmp_path, {f"{folder}/node99/meminfo": "garbage\n"})
    found = verdicts(cpu_rules.cpu, make_launch("/m", *arguments.split(), environment=environment))
    assert found == {"memory.cpu": verdict}


def test_a_control_group_limits_the_share(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """The share is one of the limit then, which is not computed here."""
    write_tree(tmp_path, {"sys/devices/system/node/node0/meminfo": node(16, 8), "sys/fs/cgroup/memory.max": "1000"})
    assert verdicts(cpu_rules.cpu, make_launch("/m")) == {"memory.cpu": "not_evaluated"}
