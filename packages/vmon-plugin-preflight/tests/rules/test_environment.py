"""The rules about the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules import environment
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts
    from vmon_plugin_preflight.rule import Rule


@pytest.mark.parametrize(
    ("rule", "variable", "expected"),
    [
        (environment.vllm_port, "VLLM_PORT=tcp://10.0.0.1:8000", {"environment.vllm_port": "failure"}),
        (environment.vllm_port, "VLLM_PORT=many", {"environment.vllm_port": "failure"}),
        (environment.vllm_port, "VLLM_PORT=8000", {"environment.vllm_port": "warning"}),
        (environment.vllm_port, "VLLM_PORT=9000", {"environment.vllm_port": "ok"}),
        (environment.vllm_port, "OTHER=1", {}),
        (environment.unknown, "VLLM_FOO=1", {"environment.unknown": "warning"}),
        (environment.unknown, "VLLM_LOGGING_LEVEL=INFO", {}),
        (environment.unknown, "VLLM_SERVICE_HOST=10.0.0.1", {}),
        (environment.unknown, "VLLM_PORT_8000_TCP_ADDR=10.0.0.1", {}),
        (environment.numbers, "VLLM_TRACE_FUNCTION=0", {}),
        (environment.numbers, "VLLM_TRACE_FUNCTION=yes", {"environment.number": "warning"}),
        (environment.log_level, "VLLM_LOGGING_LEVEL=LOUD", {"environment.log_level": "failure"}),
        (environment.log_level, "VLLM_LOGGING_LEVEL=debug", {"environment.log_level": "ok"}),
        (environment.log_config, "VLLM_LOGGING_CONFIG_PATH=/no/such.json", {"environment.log_config": "failure"}),
        (environment.log_config, "VLLM_LOGGING_CONFIG_PATH=/", {"environment.log_config": "ok"}),
        (environment.log_config, "OTHER=1", {}),
        (environment.debug, "CUDA_LAUNCH_BLOCKING=1", {"environment.debug": "warning"}),
        (environment.debug, "NCCL_DEBUG=WARN", {}),
    ],
)
def test_what_a_rule_says(
    make_launch: MakeLaunch, verdicts: Verdicts, rule: Rule, variable: str, expected: dict[str, str]
) -> None:
    """Each trap, and what is none."""
    name, _, value = variable.partition("=")
    assert verdicts(rule, make_launch("m", environment={name: value})) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('environment_variables: dict = {"VLLM_NEW": lambda: 1}', {}),
        ('environment_variables = {"VLLM_OTHER": 1}', {"environment.unknown": "warning"}),
        ("environment_variables = make()", {"environment.unknown": "warning"}),
        ("def broken(", {"environment.unknown": "warning"}),
        ("\0", {"environment.unknown": "warning"}),
    ],
)
def test_another_version_tells_its_variables_itself(
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, source: str, expected: dict[str, str]
) -> None:
    """They are read from its source; where that cannot be read, the newest recorded version stands in."""
    write_tree(tmp_path, {"venv/lib/python3.11/site-packages/vllm/envs.py": source})
    launch = make_launch("m", environment={"VLLM_NEW": "1"}, version="0.99.0")
    assert verdicts(environment.unknown, launch) == expected


def test_vllm_can_be_told_to_be_strict(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """With its flag an unknown variable ends the start."""
    launch = make_launch("m", "--fail-on-environ-validation", environment={"VLLM_FOO": "1"})
    assert verdicts(environment.unknown, launch) == {"environment.unknown": "failure"}
