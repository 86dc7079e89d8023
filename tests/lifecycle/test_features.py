"""Which features are told to be available, from devices, arguments and the server's own words."""

from __future__ import annotations

from typing import Any

import pytest

from vmon_core.devices import Device, DeviceLink
from vmon_core.lifecycle.features import features
from vmon_core.records import CheckVerdict

OK, WARNING, UNKNOWN = CheckVerdict.OK, CheckVerdict.WARNING, CheckVerdict.NOT_EVALUATED

H100 = Device(kind="nvidia", index=0, model="H100", capability="9.0")
A100 = Device(kind="nvidia", index=1, model="A100", capability="8.0")
V100 = Device(kind="nvidia", index=2, model="V100", capability="7.0")
MI300 = Device(kind="amd", index=0, model="MI300X", capability="gfx942")
MI100 = Device(kind="amd", index=1, model="Radeon", capability="gfx1030")
OTHER = Device(kind="other", index=0)


def linked(index: int) -> Device:
    """A GPU with an NVLink to a switch."""
    link = DeviceLink(kind="nvlink", index=0, remote_kind="switch")
    return Device(kind="nvidia", index=index, capability="9.0", links=(link,))


OFF = {"custom_all_reduce_off": "your platform lacks GPU P2P capability or P2P test failed"}
PCIE = {"custom_all_reduce_off": "it's not supported on more than two PCIe-only GPUs"}
USED = {"all_reduce": "['CUSTOM', 'PYNCCL']"}


@pytest.mark.parametrize(
    ("devices", "arguments", "reported", "code", "verdict"),
    [
        ((), {"enable_sleep_mode": True}, {}, "sleep_mode", UNKNOWN),
        ((H100,), {}, {}, "sleep_mode", OK),
        ((OTHER,), {"enable_sleep_mode": True}, {}, "sleep_mode", WARNING),
        ((OTHER,), {}, {}, "sleep_mode", OK),
        ((H100,), {"quantization": "fp8"}, {}, "fp8", OK),
        ((A100,), {"quantization": "fp8"}, {}, "fp8", OK),
        ((H100, V100), {"kv_cache_dtype": "fp8_e5m2"}, {}, "fp8", WARNING),
        ((V100,), {}, {}, "fp8", OK),
        ((MI300,), {"quantization": "fp8"}, {}, "fp8", OK),
        ((MI100,), {"quantization": "fp8"}, {}, "fp8", WARNING),
        ((OTHER,), {"quantization": "fp8"}, {}, "fp8", UNKNOWN),
        ((H100,), {}, {}, "p2p", UNKNOWN),
        ((H100, A100), {}, {}, "p2p", UNKNOWN),
        ((linked(0), linked(1)), {}, {}, "p2p", OK),
        ((linked(0), linked(1)), {}, OFF, "p2p", WARNING),
        ((), {}, USED, "p2p", OK),
        ((), {}, PCIE, "p2p", UNKNOWN),
        ((), {}, {}, "custom_all_reduce", OK),
        ((), {"tensor_parallel_size": 4}, {}, "custom_all_reduce", UNKNOWN),
        ((), {"tensor_parallel_size": 3}, {}, "custom_all_reduce", OK),
        ((), {"tensor_parallel_size": 4}, PCIE, "custom_all_reduce", WARNING),
        ((), {"tensor_parallel_size": 4}, USED, "custom_all_reduce", OK),
        ((), {"tensor_parallel_size": 4, "disable_custom_all_reduce": True}, PCIE, "custom_all_reduce", OK),
        ((), {"tensor_parallel_size": "auto"}, {}, "custom_all_reduce", UNKNOWN),
    ],
)
def test_feature(
    devices: tuple[Device, ...],
    arguments: dict[str, Any],
    reported: dict[str, Any],
    code: str,
    verdict: CheckVerdict,
) -> None:
    """A feature that is lacking is a warning where it is asked for; what nobody tells is not evaluated."""
    (check,) = [c for c in features(devices, arguments, reported) if c.code == f"feature.{code}"]
    assert check.verdict is verdict
    assert bool(check.fix) == (verdict is WARNING)


def test_weakest_device_decides_and_is_named() -> None:
    """The one that cannot is named with its capability, since all ranks must."""
    (check,) = [c for c in features((H100, V100), {"quantization": "fp8"}, {}) if c.code == "feature.fp8"]
    assert check.summary == "V100 (7.0) has no FP8"


def test_capability_that_is_garbage() -> None:
    """Words instead of numbers are no capability, and break nothing."""
    odd = Device(kind="nvidia", index=0, capability="?")
    assert {c.code: c for c in features((odd,), {}, {})}["feature.fp8"].verdict is UNKNOWN
