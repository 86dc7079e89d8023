"""All rules together: whatever lies in a model's folder, each rule comes to a verdict, and each code is explained."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmon_core.devices import Device
from vmon_core.records import CheckVerdict
from vmon_plugin_preflight.catalogue import explanations
from vmon_plugin_preflight.command.parse import parse
from vmon_plugin_preflight.installation import Installation
from vmon_plugin_preflight.launch import Launch
from vmon_plugin_preflight.registry import all_rules
from vmon_testkit.models import LLAMA, write_model

if TYPE_CHECKING:
    from vmon_core.records import CompatibilityCheck

GPU = Device(kind="nvidia", index=0, capability="8.0", memory_bytes=24 << 30, memory_free_bytes=23 << 30)
SCALARS = st.sampled_from([None, True, 0, 1, -1, 7, 2**40, 1.5, "", "x", "nosuch", [], ["x"], {}, {"x": 1}])
OURS = ("model.", "parallel.", "length.", "batch.", "memory.", "numbers.", "devices.")
KEYS = [*LLAMA, "rope_scaling", "rope_parameters", "quantization_config", "text_config", "auto_map", "sliding_window"]


def check(folder: Path, *words: str, build: str = "cuda") -> list[CompatibilityCheck]:
    """Run every rule about a launch of the model in `folder`."""
    launch = Launch(
        parsed=parse(["serve", str(folder), *words], "0.32.0", Path),
        environment={"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"},
        devices=(GPU,),
        installation=Installation(version="0.32.0", build=build),
    )
    return [verdict for rule in all_rules() for verdict in rule.run(launch)]


def broken(checks: list[CompatibilityCheck]) -> list[str]:
    """What rules stumbled over."""
    return [check.summary for check in checks if check.summary.startswith("the rule failed")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(KEYS), SCALARS, max_size=4),
    st.sampled_from(["", "-tp 2", "-pp 2", "--num-gpu-blocks-override 3", "--max-model-len auto", "-q fp8"]),
)
def test_any_configuration_comes_to_a_verdict(config: dict[str, Any], words: str) -> None:
    """No value of any key makes a rule fail."""
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder))
        (Path(folder) / "config.json").write_text(json.dumps({**LLAMA, **config}))
        checks = check(Path(folder), *words.split())
    assert broken(checks) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=64), st.integers(0, 4000))
def test_any_damage_comes_to_a_verdict(data: bytes, position: int) -> None:
    """Bytes that are overwritten are found, or were not in the header."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_model(Path(folder)) / "model.safetensors"
        original = path.read_bytes()
        path.write_bytes(original[:position] + data + original[position + len(data) :])
        checks = check(Path(folder))
    assert broken(checks) == []


def test_a_whole_model_has_no_complaints(tmp_path: Path) -> None:
    """The smallest model fits everywhere."""
    for build in ("cuda", "cpu"):
        checks = [c for c in check(write_model(tmp_path / build), build=build) if c.code.startswith(OURS)]
        assert {c.verdict for c in checks} <= {CheckVerdict.OK, CheckVerdict.NOT_EVALUATED}


def test_every_code_is_explained() -> None:
    """`--explain` knows every code that a rule may yield."""
    assert {code for rule in all_rules() for code in rule.codes} <= explanations().keys()
