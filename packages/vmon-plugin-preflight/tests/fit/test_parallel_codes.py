"""Each rule about parallel sizes speaks under its own code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_core.devices import Device
from vmon_plugin_preflight.fit import parallel_rules as rules
from vmon_testkit.models import write_model

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts
    from vmon_plugin_preflight.rule import Rule

GPUS = tuple(Device(kind="nvidia", index=index, uuid=f"GPU-{index}a") for index in range(4))


@pytest.mark.parametrize(
    ("rule", "arguments", "code"),
    [
        (rules.heads, "-tp 3", "parallel.heads"),
        (rules.layers, "-pp 3", "parallel.layers"),
        (rules.experts, "--enable-expert-parallel", "parallel.experts"),
        (rules.context, "--decode-context-parallel-size 2", "parallel.context"),
        (rules.nodes, "--nnodes 2 --node-rank 5", "parallel.nodes"),
        (rules.devices, "-tp 8", "parallel.devices"),
    ],
)
def test_a_failure_has_the_code_of_its_rule(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, rule: Rule, arguments: str, code: str
) -> None:
    """On a machine with four GPUs and a small Llama."""
    write_model(tmp_path / "m")
    launch = make_launch("/m", *arguments.split(), devices=GPUS, version="0.32.0")
    assert verdicts(rule, launch) == {code: "failure"}
