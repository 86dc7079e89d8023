"""Rules about the types of numbers: dtype, quantization, attention, and what the devices can compute with."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from vmon_plugin_preflight.fit.numbers import (
    BFLOAT16,
    CAPABILITIES,
    CONFIG_FILES,
    DEPRECATED,
    FAMILIES,
    METHODS,
    NO_FLOAT16,
    REQUIRED,
    below,
    capability_of,
    chosen_dtype,
    method_of,
)
from vmon_plugin_preflight.fit.visible import visible
from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmon_core.devices import Device
    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch
    from vmon_plugin_preflight.model.config import ModelConfig


@rule("numbers.dtype")
def dtype(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The type must suit the model and the devices."""
    config, code = launch.subject.config, "numbers.dtype"
    if config is None:
        return
    chosen, given = chosen_dtype(launch, config), launch.arguments.get("dtype", str) or "auto"
    old = [device for device in _cuda_devices(launch) if below(device, BFLOAT16)]
    if chosen == "float16" and config.model_type in NO_FLOAT16 and given != "auto":
        yield failure(code, f"a {config.model_type} is numerically unstable in float16", fix="--dtype bfloat16")
    elif given == "bfloat16" and old:
        summary = f"{old[0].name} has compute capability {old[0].capability}, and bfloat16 needs 8.0"
        yield failure(code, summary, fix="--dtype half")
    elif chosen is None:
        yield not_evaluated(code, "config.json does not say which type the weights have")
    else:
        yield ok(
            code,
            f"{chosen}" + (f", as config.json says {config.dtype}" if given == "auto" else f", as --dtype {given}"),
        )


def _cuda_devices(launch: Launch) -> tuple[Device, ...]:
    """The NVIDIA devices that the launch will see."""
    return (visible(launch).devices or ()) if launch.platform is Platform.CUDA else ()


@rule("numbers.quantization")
def quantization(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The method must be known, be that of the checkpoint, and be possible on the devices."""
    given, config = launch.arguments.get("quantization", str) or "", launch.subject.config
    stored = method_of(config) if config is not None else ""
    if not given and not stored:
        return
    problem = _unknown(launch, given or stored) or _mismatch(launch, given, stored) or _incomplete(launch, stored)
    if problem is not None:
        yield problem
        return
    method = given or stored
    if not stored and method == "fp8" and launch.platform is Platform.CPU and launch.arguments.known:
        summary = "the CPU backend cannot quantize to fp8 while loading"
        yield failure("numbers.quantization", summary, fix="leave out --quantization fp8")
        return
    least = CAPABILITIES.get(method)
    old = [device for device in _cuda_devices(launch) if least and below(device, least)]
    if least and old:
        summary = f"{method} needs compute capability {least[0]}.{least[1]}, and {old[0].name} has {old[0].capability}"
        yield failure("numbers.quantization", summary, fix="a checkpoint with another quantization, or newer devices")
    else:
        yield ok("numbers.quantization", f"{method}" + (f", as the checkpoint says {stored}" if stored else ""))


def _unknown(launch: Launch, method: str) -> CompatibilityCheck | None:
    """The method is none of vLLM's."""
    code, registry = "numbers.quantization", launch.subject.registry
    if method in DEPRECATED and not launch.arguments.get("allow_deprecated_quantization", bool):
        return failure(code, f"{method} is deprecated", fix="--allow-deprecated-quantization, or another checkpoint")
    if method in METHODS:
        return None
    if launch.arguments.known and registry and not registry.plugins and not registry.names_quantization(method):
        return failure(
            code, f"vLLM does not know the quantization {method}", fix=f"one of {', '.join(sorted(METHODS))}"
        )
    return not_evaluated(code, f"vLLM 0.32 lists no quantization {method}; it, another version or a plugin may take it")


def _mismatch(launch: Launch, given: str, stored: str) -> CompatibilityCheck | None:
    """The command line says one method, the checkpoint another one or none."""
    code = "numbers.quantization"
    if not given or launch.subject.config is None:
        return None
    if not stored:
        return _no_file(launch, given)
    if given == stored or FAMILIES.get(given, given) == FAMILIES.get(stored, stored):
        return None
    if given in FAMILIES and stored in FAMILIES:
        return failure(
            code, f"the checkpoint is quantized by {stored}, not by {given}", fix=f"leave out --quantization {given}"
        )
    return not_evaluated(code, f"the checkpoint is quantized by {stored}; vLLM may be able to run it as {given}")


def _incomplete(launch: Launch, stored: str) -> CompatibilityCheck | None:
    """The checkpoint does not say all that the method needs to know."""
    config, family = launch.subject.config, FAMILIES.get(stored, "")
    if config is None or family not in REQUIRED:
        return None
    absent = [names[0] for names in REQUIRED[family] if not any(name in config.quantization for name in names)]
    if not absent:
        return None
    summary = f"the quantization_config of the checkpoint lacks {', '.join(absent)}"
    return failure("numbers.quantization", summary, fix="take the config.json that was written with the weights")


def _no_file(launch: Launch, given: str) -> CompatibilityCheck | None:
    """The checkpoint does not say that it is quantized, and the method cannot quantize while loading."""
    folder, files = launch.subject.location.folder, CONFIG_FILES.get(given)
    if folder is None or files is None or any((folder / name).is_file() for name in files):
        return None
    where = " nor ".join(files)
    summary = f"{given} needs a checkpoint that was quantized so, and neither config.json nor {where} says it was"
    return failure("numbers.quantization", summary, fix=f"leave out --quantization {given}, or take such a checkpoint")


_BACKENDS: Mapping[str, tuple[tuple[int, int], tuple[int, int]]] = MappingProxyType(
    {
        "FLASH_ATTN": ((8, 0), (99, 0)),
        "FLASHINFER": ((8, 0), (12, 1)),
        "FLASHMLA": ((9, 0), (10, 9)),
        "FLASH_ATTN_MLA": ((9, 0), (9, 9)),
        "CUTLASS_MLA": ((10, 0), (10, 9)),
        "FLASHINFER_MLA": ((10, 0), (10, 9)),
        "TOKENSPEED_MLA": ((10, 0), (10, 9)),
        "HPC_ATTN": ((9, 0), (9, 0)),
    }
)
"""The compute capabilities from and to which a backend works: `supports_compute_capability` of vLLM 0.32."""

_FLASHINFER_HEADS = frozenset({64, 128, 256, 512})


@rule("numbers.attention")
def attention(launch: Launch) -> Iterator[CompatibilityCheck]:
    """An attention backend that is asked for must work on the devices, with the head size of the model."""
    name, code = (launch.arguments.get("attention_backend", str) or "").upper(), "numbers.attention"
    config, limits = launch.subject.config, _BACKENDS.get(name)
    if not name or launch.platform is not Platform.CUDA:
        return
    for device in _cuda_devices(launch) if limits else ():
        found = capability_of(device)
        if limits and found is not None and not limits[0] <= found <= limits[1]:
            summary = f"{name} does not work on {device.name} with compute capability {device.capability}"
            yield failure(code, summary, fix="leave out --attention-backend")
            return
    problem = _head_problem(name, config) if config is not None and config.latent is None else ""
    if problem:
        yield failure(code, f"{name} {problem}", fix="leave out --attention-backend")
    elif limits and _cuda_devices(launch):
        yield ok(code, f"{name} works on these devices")
    else:
        yield not_evaluated(code, f"vmon does not know whether {name} works here")


def _head_problem(name: str, config: ModelConfig) -> str:
    """Why a backend refuses the head size."""
    size = config.head_size
    if size is None:
        return ""
    if name == "FLASHINFER" and size not in _FLASHINFER_HEADS:
        return f"works with heads of 64, 128, 256 or 512 elements, and the model's have {size}"
    if name == "FLASH_ATTN" and size % 8:
        return f"works with heads of a multiple of 8 elements, and the model's have {size}"
    return ""


_CPU_BLOCK = 32  # CPU_ATTN: MultipleOf(32)


@rule("numbers.block_size")
def block_size(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The CPU's attention works on blocks of 32 tokens."""
    size = launch.arguments.get("block_size", int)
    config = launch.subject.config
    if size is None or launch.platform is not Platform.CPU or config is None or config.latent is not None:
        return
    if size % _CPU_BLOCK:
        yield failure(
            "numbers.block_size", f"--block-size {size} is no multiple of {_CPU_BLOCK}", fix="--block-size 128"
        )
    else:
        yield ok("numbers.block_size", f"--block-size {size} is a multiple of {_CPU_BLOCK}")


@rule("numbers.kv_cache_dtype")
def kv_cache_dtype(launch: Launch) -> Iterator[CompatibilityCheck]:
    """A cache in FP8 is computed with in hardware from Ada on; before, it is converted for each step."""
    given = launch.arguments.get("kv_cache_dtype", str) or "auto"
    old = [device for device in _cuda_devices(launch) if below(device, (8, 9))]
    if given.startswith("fp8") and old:
        summary = f"{old[0].name} ({old[0].capability}) has no FP8: a cache in {given} saves memory, and costs time"
        yield warning("numbers.kv_cache_dtype", summary, fix="--kv-cache-dtype auto, if memory allows")


RULES = (dtype, quantization, attention, block_size, kv_cache_dtype)
