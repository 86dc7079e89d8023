"""Rules about the types of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vmon_core.devices import Device
from vmon_plugin_preflight.fit import number_rules as rules
from vmon_plugin_preflight.fit.numbers import method_of
from vmon_plugin_preflight.model.config import ModelConfig
from vmon_testkit.models import write_model
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts
    from vmon_plugin_preflight.launch import Launch

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True}


def launch(
    make: MakeLaunch,
    tmp_path: Path,
    arguments: str = "",
    capability: str = "",
    *,
    kind: str = "nvidia",
    **config: Any,
) -> Launch:
    """A launch on a device of a compute capability, "" for the CPU."""
    write_model(tmp_path / "m", **config)
    devices = (Device(kind=kind, index=0, capability=capability),) if capability else ()
    return make("/m", *arguments.split(), devices=devices, version="0.32.0+cu129" if capability else "0.32.0+cpu")


@pytest.mark.parametrize(
    ("arguments", "capability", "config", "verdict"),
    [
        ("", "9.0", {}, "ok"),
        ("", "7.5", {}, "ok"),  # auto falls back to float16
        ("--dtype bfloat16", "7.5", {}, "failure"),
        ("--dtype bfloat16", "8.0", {}, "ok"),
        ("--dtype half", "7.5", {}, "ok"),
        ("--dtype half", "9.0", {"model_type": "gemma2"}, "failure"),
        ("", "9.0", {"model_type": "gemma2", "dtype": "float16"}, "ok"),  # auto takes another one
        ("", "9.0", {"dtype": None}, "not_evaluated"),
        ("--dtype bfloat16", "", {}, "ok"),
    ],
)
def test_dtype(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    arguments: str,
    capability: str,
    config: dict[str, Any],
    verdict: str,
) -> None:
    """What is asked for must be possible; `auto` finds a way."""
    found = verdicts(rules.dtype, launch(make_launch, tmp_path, arguments, capability, **config))
    assert found == {"numbers.dtype": verdict}


@pytest.mark.parametrize(
    ("arguments", "capability", "stored", "verdict"),
    [
        ("", "", None, None),
        ("-q awq", "", None, "failure"),
        ("-q fp8", "", None, "failure"),
        ("-q fp8", "8.9", None, "ok"),
        ("-q nosuch", "", None, "failure"),
        ("", "9.0", GPTQ, "ok"),
        ("", "5.2", GPTQ, "failure"),
        ("", "9.0", {"quant_method": "gptq", "bits": 4}, "failure"),
        ("-q gptq_marlin", "9.0", GPTQ, "ok"),
        ("-q awq", "9.0", GPTQ, "failure"),
        ("-q moe_wna16", "9.0", GPTQ, "not_evaluated"),
        ("", "9.0", {"quant_method": "fbgemm_fp8"}, "failure"),
        ("--allow-deprecated-quantization", "9.0", {"quant_method": "fbgemm_fp8"}, "ok"),
        ("", "7.0", {"quant_method": "fp8"}, "failure"),
    ],
)
def test_quantization(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    arguments: str,
    capability: str,
    stored: dict[str, Any] | None,
    verdict: str | None,
) -> None:
    """Known, the same as the checkpoint's, complete, and possible on the device."""
    wanted = launch(make_launch, tmp_path, arguments, capability, quantization_config=stored)
    assert verdicts(rules.quantization, wanted) == ({} if verdict is None else {"numbers.quantization": verdict})


def test_a_method_that_vllm_runs_as_another(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """A name that its source knows is no proof of a failure."""
    folder = "venv/lib/python3.11/site-packages/vllm/model_executor/layers/quantization"
    write_tree(tmp_path, {f"{folder}/inc.py": 'if method == "auto-round": ...'})
    wanted = launch(make_launch, tmp_path, "", "9.0", quantization_config={"quant_method": "auto-round"})
    assert verdicts(rules.quantization, wanted) == {"numbers.quantization": "not_evaluated"}


@pytest.mark.parametrize(
    ("config", "method"),
    [
        ({"quant_method": "AWQ"}, "awq"),
        ({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}}, "modelopt_fp4"),
        ({"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}, "modelopt"),
        ({"quant_method": 7}, ""),
        ({}, ""),
    ],
)
def test_method(config: dict[str, Any], method: str) -> None:
    """As vLLM reads it."""
    assert method_of(ModelConfig({"quantization_config": config})) == method


@pytest.mark.parametrize(
    ("arguments", "capability", "head", "verdict"),
    [
        ("", "7.5", 32, None),
        ("--attention-backend FLASH_ATTN", "8.0", 32, "ok"),
        ("--attention-backend FLASH_ATTN", "7.5", 32, "failure"),
        ("--attention-backend FLASH_ATTN", "8.0", 36, "failure"),
        ("--attention-backend FLASHINFER", "9.0", 32, "failure"),
        ("--attention-backend FLASHINFER", "9.0", 128, "ok"),
        ("--attention-backend FLASHMLA", "8.0", 32, "failure"),
        ("--attention-backend TRITON_ATTN", "7.5", 32, "not_evaluated"),
        ("--attention-backend FLASH_ATTN", "", 32, None),
    ],
)
def test_attention(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    arguments: str,
    capability: str,
    head: int,
    verdict: str | None,
) -> None:
    """A backend that is asked for must work; on the CPU the option has no effect."""
    found = verdicts(rules.attention, launch(make_launch, tmp_path, arguments, capability, head_dim=head))
    assert found == ({} if verdict is None else {"numbers.attention": verdict})


@pytest.mark.parametrize(
    ("size", "capability", "expected"),
    [("7", "", "failure"), ("128", "", "ok"), ("16", "", "failure"), ("16", "9.0", None)],
)
def test_block_size(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path, size: str, capability: str, expected: str | None
) -> None:
    """The CPU wants multiples of 32."""
    found = verdicts(rules.block_size, launch(make_launch, tmp_path, f"--block-size {size}", capability))
    assert found == ({} if expected is None else {"numbers.block_size": expected})


def test_a_cache_in_fp8_on_an_old_device(make_launch: MakeLaunch, verdicts: Verdicts, tmp_path: Path) -> None:
    """It works, and costs time."""
    wanted = launch(make_launch, tmp_path, "--kv-cache-dtype fp8", "8.0")
    assert verdicts(rules.kv_cache_dtype, wanted) == {"numbers.kv_cache_dtype": "warning"}
    assert verdicts(rules.kv_cache_dtype, launch(make_launch, tmp_path, "--kv-cache-dtype fp8", "8.9")) == {}
