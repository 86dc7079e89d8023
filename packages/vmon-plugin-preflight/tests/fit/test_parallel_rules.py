"""Rules about parallel sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmon_core.devices import Device
from vmon_plugin_preflight.fit import parallel_rules as rules
from vmon_plugin_preflight.fit.plan import partition
from vmon_testkit.models import write_model

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts

GPUS = tuple(Device(kind="nvidia", index=index, uuid=f"GPU-{index}a") for index in range(4))
MOE = {"model_type": "mixtral", "num_local_experts": 8}


def conclude(
    make_launch: MakeLaunch,
    tmp_path: Path,
    rule: Any,
    arguments: str,
    config: dict[str, Any] | None = None,
    **launch: Any,
) -> list[str]:
    """The verdicts of a rule about a launch of a small Llama."""
    write_model(tmp_path / "m", **(config or {}))
    return [str(check.verdict) for check in rule.run(make_launch("/m", *arguments.split(), **launch))]


@pytest.mark.parametrize(
    ("arguments", "expected"), [("", []), ("-tp 2", ["ok"]), ("-tp 3", ["failure"]), ("-tp 4", ["ok"])]
)
def test_heads(make_launch: MakeLaunch, tmp_path: Path, arguments: str, expected: list[str]) -> None:
    """Four heads go to one, two or four ranks."""
    assert conclude(make_launch, tmp_path, rules.heads, arguments) == expected


def test_heads_name_the_sizes_that_work(make_launch: MakeLaunch, tmp_path: Path) -> None:
    """The fix is a list of possible sizes; copies of KV heads are told."""
    write_model(tmp_path / "m")
    (check,) = rules.heads.run(make_launch("/m", "-tp", "3"))
    assert check.fix == "-tp, one of 1, 2, 4"
    (check,) = rules.heads.run(make_launch("/m", "-tp", "4"))
    assert check.evidence == ("2 KV heads for 4 ranks: each is kept 2 times",)


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        ("-pp 2", None, ["ok"]),
        ("-pp 3", None, ["failure"]),
        ("-pp 2", "1,1", ["ok"]),
        ("-pp 2", "1,2", ["failure"]),
        ("-pp 2", "2", ["failure"]),
        ("-pp 2", "a,b", ["failure"]),
    ],
)
def test_layers(
    make_launch: MakeLaunch, tmp_path: Path, arguments: str, given: str | None, expected: list[str]
) -> None:
    """Two layers go to two stages, in the way that is given."""
    environment = {} if given is None else {"VLLM_PP_LAYER_PARTITION": given}
    assert conclude(make_launch, tmp_path, rules.layers, arguments, environment=environment) == expected


@given(st.integers(1, 200), st.integers(1, 16))
def test_partition_is_complete_and_even(layers: int, stages: int) -> None:
    """All layers are somewhere, and no stage has two more than another."""
    counts = partition(layers, stages)
    assert len(counts) == stages
    assert sum(counts) == layers
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("arguments", "config", "version", "expected"),
    [
        ("--enable-expert-parallel", {}, "0.32.0+cpu", ["failure"]),
        ("--enable-expert-parallel -tp 2", MOE, "0.32.0+cpu", ["ok"]),
        ("--enable-expert-parallel", {"model_type": "unheard_of"}, "0.32.0+cpu", ["not_evaluated"]),
        ("--enable-expert-parallel --enable-eplb -tp 2", MOE, "0.32.0+cpu", ["ok", "failure"]),
        ("--enable-expert-parallel --enable-eplb -tp 2", MOE, "0.32.0+cu129", ["ok"]),
        ("--enable-expert-parallel --enable-eplb", MOE, "0.32.0+cu129", ["ok", "failure"]),
        ("--enable-eplb -tp 2", MOE, "0.32.0+cu129", ["failure"]),
    ],
)
def test_experts(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    tmp_path: Path,
    arguments: str,
    config: dict[str, Any],
    version: str,
    expected: list[str],
) -> None:
    """Experts are needed, and ranks to balance them among."""
    assert conclude(make_launch, tmp_path, rules.experts, arguments, config, version=version) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", []),
        ("-dcp 2", ["failure"]),
        ("-tp 2 -dcp 2", ["failure"]),
        ("-tp 4 -dcp 2", ["ok"]),
        ("-tp 4 -dcp 4", ["failure"]),
        ("-tp 2 -pcp 2 -dcp 3", ["failure"]),
    ],
)
def test_context(make_launch: MakeLaunch, tmp_path: Path, arguments: str, expected: list[str]) -> None:
    """Two KV heads on four ranks leave room for two decode context ranks."""
    assert conclude(make_launch, tmp_path, rules.context, arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--nnodes 2", ["failure"]),
        ("--nnodes 2 -tp 4", ["ok"]),
        ("--nnodes 2 -tp 4 --node-rank 2", ["failure"]),
        ("-dp 2 --data-parallel-size-local 3", ["failure"]),
        ("-dp 2", []),
    ],
)
def test_nodes(make_launch: MakeLaunch, tmp_path: Path, arguments: str, expected: list[str]) -> None:
    """Machines share the ranks evenly, and are numbered from 0."""
    assert conclude(make_launch, tmp_path, rules.nodes, arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ("-tp 4", {}, "ok"),
        ("-tp 2 -dp 2", {}, "ok"),
        ("-tp 4 -dp 2", {}, "failure"),
        ("-tp 8 --nnodes 2", {}, "ok"),
        ("-tp 2", {"CUDA_VISIBLE_DEVICES": "3"}, "failure"),
        ("-tp 2", {"CUDA_VISIBLE_DEVICES": "0,9,1"}, "failure"),
        ("-tp 2", {"CUDA_VISIBLE_DEVICES": "GPU-0,GPU-3"}, "ok"),
        ("-tp 1", {"CUDA_VISIBLE_DEVICES": ""}, "failure"),
        ("-tp 1", {"CUDA_VISIBLE_DEVICES": "-1"}, "failure"),
        ("-tp 2 --device-ids 0,2", {}, "ok"),
        ("-tp 2 --device-ids 0,2", {"CUDA_VISIBLE_DEVICES": "2,3"}, "failure"),
        ("-tp 8 --distributed-executor-backend ray", {}, "not_evaluated"),
    ],
)
def test_devices(
    make_launch: MakeLaunch, tmp_path: Path, arguments: str, environment: dict[str, str], expected: str
) -> None:
    """A rank needs a device that it can see."""
    found = conclude(
        make_launch, tmp_path, rules.devices, arguments, environment=environment, devices=GPUS, version="0.32.0+cu129"
    )
    assert found == [expected]


def test_nobody_tells_the_devices(make_launch: MakeLaunch, tmp_path: Path) -> None:
    """Without a plugin for them nothing is said against the launch; on the CPU nothing at all."""
    arguments, rule = "-tp 8", rules.devices
    assert conclude(make_launch, tmp_path, rule, arguments, version="0.32.0+cu129") == ["not_evaluated"]
    assert conclude(make_launch, tmp_path, rule, arguments) == []


def test_instances_must_be_chosen(make_launch: MakeLaunch, tmp_path: Path) -> None:
    """A device that is cut into instances is seen through a variable only."""
    cut = (*GPUS[:1], Device(kind="nvidia", index=0, instance=1, uuid="MIG-1", parent="GPU-0a"))
    launch = {"devices": cut, "version": "0.32.0+cu129"}
    assert conclude(make_launch, tmp_path, rules.devices, "", **launch) == ["not_evaluated"]
    chosen = launch | {"environment": {"CUDA_VISIBLE_DEVICES": "MIG-1"}}
    assert conclude(make_launch, tmp_path, rules.devices, "", **chosen) == ["ok"]


def test_pipeline(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """Only the word in the source is proof."""
    write_model(tmp_path / "m")
    assert verdicts(rules.pipeline, make_launch("/m", "-pp", "2")) == {"parallel.pipeline": "not_evaluated"}
