"""What vmon advises can be followed: each flag and variable that a fix names exists in that version of vLLM."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest

from vmon_core.lifecycle.features import features
from vmon_plugin_vllm.diagnose.signals import SIGNALS
from vmon_plugin_vllm.log.failures import CATALOGUE

TABLE = json.loads((resources.files("vmon_plugin_preflight") / "tables/0.32.0.json").read_text("utf-8"))
FLAGS = {flag for option in TABLE["options"] for flag in option.get("flags", ())}
OTHERS = {"--help", "--shm-size", "--ipc", "--cap-add", "--log", "--config"}
"""Flags of vLLM's own help, of docker, of vmon, and of vLLM's parser, which reads --config before the others."""

FIXES = {
    *((rule.code, rule.fix) for rule in CATALOGUE),
    *((signal.code, signal.fix) for signal in SIGNALS),
    *((check.code, check.fix) for check in features((), {}, {"custom_all_reduce_off": "no P2P"})),
}


@pytest.mark.parametrize(("code", "fix"), sorted(FIXES), ids=lambda text: text[:40])
def test_flags_and_variables_exist(code: str, fix: str) -> None:
    """A flag that was renamed or removed would be advice that cannot be followed."""
    flags = {flag for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", fix) if flag not in OTHERS}
    assert {f for f in flags if f not in FLAGS and f.replace("--no-", "--") not in FLAGS} == set(), code
    variables = set(re.findall(r"\bVLLM_\w+", fix))
    assert {v for v in variables if v not in TABLE["environment"]} == set(), code
