"""The rules about the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmon_plugin_preflight.rules import environment

if TYPE_CHECKING:
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


def test_vllm_can_be_told_to_be_strict(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """With its flag an unknown variable ends the start."""
    launch = make_launch("m", "--fail-on-environ-validation", environment={"VLLM_FOO": "1"})
    assert verdicts(environment.unknown, launch) == {"environment.unknown": "failure"}
