"""The types of numbers: which one the model runs in, and which quantization it has."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from vmon_plugin_preflight.launch import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmon_core.devices import Device
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.model.config import ModelConfig

_NAMES = {"half": "float16", "float": "float32"}

NO_FLOAT16 = frozenset({"gemma2", "gemma3", "gemma3_text", "glm4"})
"""Model types that refuse float16: `_FLOAT16_NOT_SUPPORTED_MODELS` of vLLM 0.32."""

BFLOAT16 = (8, 0)
"""The compute capability from which on bfloat16 works: `CudaPlatform.check_if_supports_dtype`."""

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("awq", "auto_awq", "awq_marlin"), "awq"),
        **dict.fromkeys(("gptq", "auto_gptq", "gptq_marlin"), "gptq"),
        "fp8": "fp8",
        "compressed-tensors": "compressed-tensors",
        "quark": "quark",
        "torchao": "torchao",
        "fbgemm_fp8": "fbgemm_fp8",
        "modelopt": "modelopt",
    }
)
"""Methods of which a checkpoint is one or the other; a name outside may stand for several of them."""

METHODS = frozenset(
    {
        *("awq", "auto_awq", "fp8", "fbgemm_fp8", "fp_quant", "modelopt", "modelopt_fp4", "modelopt_mxfp8"),
        *("modelopt_mixed", "auto_gptq", "gptq", "gptq_marlin", "awq_marlin", "humming", "compressed-tensors"),
        *(
            "experts_int8",
            "quark",
            "moe_wna16",
            "torchao",
            "inc",
            "mxfp4",
            "gpt_oss_mxfp4",
            "deepseek_v4_fp8",
            "online",
        ),
        *("fp8_per_tensor", "fp8_per_block", "fp8_per_channel", "int8_per_channel_weight_only", "nvfp4_per_token"),
        "mxfp8",
    }
)
"""`QuantizationMethods` of vLLM 0.32."""

DEPRECATED = frozenset({"fbgemm_fp8", "fp_quant"})
"""Methods that need `--allow-deprecated-quantization`."""

CAPABILITIES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        **dict.fromkeys(("gptq", "auto_gptq", "gptq_marlin", "inc"), (6, 0)),
        **dict.fromkeys(("compressed-tensors", "quark", "moe_wna16"), (7, 0)),
        **dict.fromkeys(("awq", "auto_awq", "awq_marlin", "fp8", "humming", "torchao", "deepseek_v4_fp8"), (7, 5)),
        **dict.fromkeys(("fp8_per_tensor", "fp8_per_block", "fp8_per_channel", "modelopt_fp4"), (7, 5)),
        **dict.fromkeys(("modelopt", "modelopt_mxfp8", "fbgemm_fp8", "experts_int8", "mxfp4", "gpt_oss_mxfp4"), (8, 0)),
        "fp_quant": (10, 0),
    }
)
"""The least compute capability of each method: `get_min_capability` of its class in vLLM 0.32."""

CONFIG_FILES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("awq", "auto_awq", "awq_marlin"), ("quantize_config.json", "quant_config.json")),
        **dict.fromkeys(("gptq", "auto_gptq", "gptq_marlin", "moe_wna16"), ("quantize_config.json",)),
    }
)
"""Files in which a checkpoint says how it was quantized, where config.json does not."""


REQUIRED: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "gptq": (("bits",), ("group_size",), ("desc_act",), ("sym",)),
        "awq": (("w_bit", "bits"), ("q_group_size", "group_size"), ("zero_point",)),
    }
)
"""What a quantization_config must say, with other names of the same: `from_config` of each class."""


def chosen_dtype(launch: Launch, config: ModelConfig) -> str | None:
    """The type that the model will run in: `_resolve_auto_dtype`; None when nobody can tell."""
    given = (launch.arguments.get("dtype", str) or "auto").lower()
    if given != "auto":
        return _NAMES.get(given, given)
    stored = config.dtype
    old = any(below(device, BFLOAT16) for device in launch.devices) and launch.platform is Platform.CUDA
    if stored == "float32":
        return "float16" if old else "bfloat16"
    return "float16" if stored == "bfloat16" and old else stored


def below(device: Device, capability: tuple[int, int]) -> bool:
    """Whether a device is known to be older than `capability`."""
    found = capability_of(device)
    return found is not None and found < capability


def capability_of(device: Device) -> tuple[int, int] | None:
    """The compute capability as numbers, None for devices that have none.

    >>> from vmon_core.devices import Device
    >>> capability_of(Device(kind="nvidia", index=0, capability="9.0"))
    (9, 0)
    """
    major, _, minor = device.capability.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def method_of(config: ModelConfig) -> str:
    """How the checkpoint says that it is quantized, "" when it is not: `_normalize_quantization_config`.

    >>> from vmon_plugin_preflight.model.config import ModelConfig
    >>> method_of(ModelConfig({"quantization_config": {"quant_method": "compressed_tensors"}}))
    'compressed-tensors'
    """
    found = config.quantization
    producer, inner = found.get("producer"), found.get("quantization")
    if isinstance(producer, dict) and producer.get("name") == "modelopt" and isinstance(inner, dict):
        return "modelopt_fp4" if str(inner.get("quant_algo")).upper() == "NVFP4" else "modelopt"
    method = found.get("quant_method")
    return method.lower().replace("compressed_tensors", "compressed-tensors") if isinstance(method, str) else ""
