"""The rule about processors of the CPU backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules.cpu import binding
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts

NODES = {"sys/devices/system/node/node0/cpulist": "0-3", "sys/devices/system/node/node1/cpulist": "4-7"}


@pytest.mark.parametrize(
    ("words", "bind", "expected"),
    [
        ("-tp 2", "auto", {"cpu.binding": "ok"}),
        ("-tp 4", "auto", {"cpu.binding": "failure"}),
        ("-tp 4", "nobind", {"cpu.binding": "ok"}),
        ("-tp 2", "0-3|4-7", {}),
        ("-tp 2", "0-7", {"cpu.binding": "failure"}),
        ("-tp 2", "0,2-3|4, 6", {}),
        ("-tp 1", "all", {"cpu.binding": "failure"}),
    ],
)
def test_workers_want_nodes(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, words: str, bind: str, expected: dict[str, str]
) -> None:
    """Or a list of processors for each."""
    write_tree(tmp_path, NODES)
    launch = make_launch("m", *words.split(), environment={"VLLM_CPU_OMP_THREADS_BIND": bind})
    assert verdicts(binding, launch) == expected


def test_gpus_have_no_such_rules(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """Nothing is said about another platform."""
    launch = make_launch("m", version="0.32.0")
    assert verdicts(binding, launch) == {}


def test_nodes_that_cannot_be_counted_are_not_judged(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """A container may hide them."""
    assert verdicts(binding, make_launch("m")) == {"cpu.binding": "not_evaluated"}
