"""Which features of vLLM this deployment can use: from its devices, its arguments, and what the server says itself.

The conditions are those of vLLM 0.32 (`platforms/interface.py`, `platforms/cuda.py`, `platforms/rocm.py` and
`distributed/device_communicators/custom_all_reduce.py`). What nobody can tell is not evaluated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vmon_core.records import CheckVerdict, CompatibilityCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmon_core.devices import Device

FP8_CAPABILITY = (8, 9)
"""The compute capability from which NVIDIA GPUs compute in FP8 (Ada; `supports_fp8`)."""

FP8_WEIGHTS_CAPABILITY = (7, 5)
"""From here on weights may be FP8 while the GPU computes in 16 bits (Marlin kernels; `get_min_capability` of `fp8`)."""

FP8_ARCHITECTURES = re.compile(r"gfx9[045]|gfx12")
"""AMD's CDNA and RDNA 4 (`on_cdna`, `on_rdna4`)."""

CUSTOM_ALL_REDUCE_SIZES = (2, 4, 6, 8)
"""Tensor-parallel sizes for which there is a custom all-reduce."""

_SLEEPERS = frozenset({"nvidia", "amd"})


def features(
    devices: Sequence[Device], arguments: Mapping[str, Any], reported: Mapping[str, Any]
) -> list[CompatibilityCheck]:
    """Say which features are available.

    Args:
        devices: the accelerators of the machine; empty where there is none, or nobody tells.
        arguments: of the server, by name in snake case.
        reported: what the server's log says about itself.

    Returns:
        A check for each feature. One that is not available is a warning only where it was asked for.

    >>> [check.verdict.value for check in features((), {"enable_sleep_mode": True}, {})]
    ['not_evaluated', 'not_evaluated', 'not_evaluated', 'ok']
    """
    checks = (_sleep_mode, _fp8, _peer_to_peer, _custom_all_reduce)
    return [check(devices, arguments, reported) for check in checks]


def _sleep_mode(devices: Sequence[Device], arguments: Mapping[str, Any], _: Mapping[str, Any]) -> CompatibilityCheck:
    asked = bool(arguments.get("enable_sleep_mode"))
    if not devices:
        return _unknown("feature.sleep_mode", "no plugin tells a device; sleep mode needs a GPU")
    able = [d for d in devices if d.kind in _SLEEPERS]
    if not able:
        return _lacking("feature.sleep_mode", "no device here can sleep", "Leave --enable-sleep-mode out.", asked=asked)
    how = "it was asked for" if asked else "--enable-sleep-mode offers it"
    return _ok("feature.sleep_mode", f"the devices can sleep; {how}")


def _fp8(devices: Sequence[Device], arguments: Mapping[str, Any], _: Mapping[str, Any]) -> CompatibilityCheck:
    asked = _asks_for_fp8(arguments)
    told = [d for d in devices if re.search(r"\d", d.capability)]
    if not told:
        return _unknown("feature.fp8", "no plugin tells a device's compute capability")
    levels = {d.name: _fp8_level(d) for d in told}
    least = min(levels.values())
    named = ", ".join(sorted({f"{d.model or d.name} ({d.capability})" for d in told if levels[d.name] == least}))
    if least == 0:
        return _lacking("feature.fp8", f"{named} has no FP8", "Use weights that are not FP8.", asked=asked)
    if least == 1:
        return _ok("feature.fp8", f"{named} takes FP8 weights and computes in 16 bits, without the gain in speed")
    return _ok("feature.fp8", f"{named} computes in FP8")


def _asks_for_fp8(arguments: Mapping[str, Any]) -> bool:
    return any(str(arguments.get(name, "")).startswith("fp8") for name in ("quantization", "kv_cache_dtype"))


def _fp8_level(device: Device) -> int:
    """0 without FP8, 1 with FP8 weights only, 2 with FP8 throughout."""
    if device.kind == "amd":
        return 2 if FP8_ARCHITECTURES.match(device.capability) else 0
    numbers = re.findall(r"\d+", device.capability)
    capability = tuple(int(n) for n in numbers[:2])
    return (capability >= FP8_WEIGHTS_CAPABILITY) + (capability >= FP8_CAPABILITY)


def _peer_to_peer(devices: Sequence[Device], _: Mapping[str, Any], reported: Mapping[str, Any]) -> CompatibilityCheck:
    off = str(reported.get("custom_all_reduce_off", ""))
    if "P2P" in off:
        fix = "Look at ACS and the IOMMU (`vmon topology`); in a container, at the driver's access to all GPUs."
        return _lacking("feature.p2p", f"the server found: {off}", fix, asked=True)
    if "CUSTOM" in str(reported.get("all_reduce", "")):
        return _ok("feature.p2p", "the server's GPUs reach each other: custom all-reduce is in use")
    linked = [d for d in devices if any(link.up and link.remote_kind in ("gpu", "switch") for link in d.links)]
    if devices and len(linked) == len(devices) and len(devices) > 1:
        return _ok("feature.p2p", f"all {len(devices)} devices have direct links ({linked[0].links[0].kind})")
    why = "there is one device" if len(devices) == 1 else "no plugin tells direct links of all devices"
    return _unknown("feature.p2p", f"{why}; across PCIe only the server's own test tells")


def _custom_all_reduce(
    _: Sequence[Device], arguments: Mapping[str, Any], reported: Mapping[str, Any]
) -> CompatibilityCheck:
    code = "feature.custom_all_reduce"
    used = str(reported.get("all_reduce", ""))
    if arguments.get("disable_custom_all_reduce"):
        return _ok(code, "it is switched off by --disable-custom-all-reduce")
    if "CUSTOM" in used:
        return _ok(code, f"it is in use ({used})")
    off = str(reported.get("custom_all_reduce_off", ""))
    if off:
        fix = "It costs speed only; --disable-custom-all-reduce silences the warning."
        return CompatibilityCheck(
            code=code, verdict=CheckVerdict.WARNING, summary=f"the server does without: {off}", fix=fix, source="vmon"
        )
    ranks = arguments.get("tensor_parallel_size", 1)
    if ranks == 1:
        return _ok(code, "one rank needs none")
    if isinstance(ranks, int) and ranks not in CUSTOM_ALL_REDUCE_SIZES:
        return _ok(code, f"there is none for {ranks} ranks (only for {', '.join(map(str, CUSTOM_ALL_REDUCE_SIZES))})")
    return _unknown(code, "the server's log does not tell whether it is in use")


def _ok(code: str, summary: str) -> CompatibilityCheck:
    return CompatibilityCheck(code=code, verdict=CheckVerdict.OK, summary=summary, source="vmon")


def _unknown(code: str, why: str) -> CompatibilityCheck:
    return CompatibilityCheck(code=code, verdict=CheckVerdict.NOT_EVALUATED, summary=why, source="vmon")


def _lacking(code: str, why: str, fix: str, *, asked: bool) -> CompatibilityCheck:
    """What is not there is bad news only where somebody counts on it."""
    if not asked:
        return _ok(code, f"not available, and not asked for: {why}")
    return CompatibilityCheck(code=code, verdict=CheckVerdict.WARNING, summary=why, fix=fix, source="vmon")
