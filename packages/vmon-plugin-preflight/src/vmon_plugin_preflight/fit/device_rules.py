"""Rules about the devices themselves: their health, their driver, and what the launch wants of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmon_core.evidence import Health
from vmon_plugin_preflight.fit.plan import read_plan
from vmon_plugin_preflight.fit.visible import visible
from vmon_plugin_preflight.launch import Platform
from vmon_plugin_preflight.rule import rule
from vmon_plugin_preflight.verdicts import failure, not_evaluated, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmon_core.records import CompatibilityCheck
    from vmon_plugin_preflight.launch import Launch

_GPUS = {Platform.CUDA, Platform.ROCM}


@rule("devices.health")
def health(launch: Launch) -> Iterator[CompatibilityCheck]:
    """No device that the launch will use may be lost; one that is not well is worth a warning."""
    code = "devices.health"
    if launch.platform not in _GPUS:
        return
    used = visible(launch).weakest(read_plan(launch.arguments).local_ranks)
    sick = [device for device in used if device.lost or device.health in {Health.UNHEALTHY, Health.DEGRADED}]
    for device in sick:
        why = "; ".join(device.reasons) or "the driver says so"
        if device.lost:
            yield failure(
                code, f"{device.name} is lost: the driver cannot reach it", why, fix="reset the device, or reboot"
            )
        else:
            yield warning(
                code, f"{device.name} is {device.health.value}: {why}", fix=f"{device.recovery.value.replace('_', ' ')}"
            )
    if used and not sick:
        known = [device for device in used if device.health is Health.HEALTHY]
        say = ok if len(known) == len(used) else not_evaluated
        yield say(code, f"{len(known)} of {len(used)} devices are known to be healthy")


@rule("devices.alike")
def alike(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The slowest device sets the pace, and the smallest one the memory."""
    if launch.platform not in _GPUS:
        return
    plan = read_plan(launch.arguments)
    models = sorted({device.model for device in visible(launch).devices or () if device.model})
    if len(models) > 1 and plan.local_ranks > 1:
        summary = f"the devices differ: {', '.join(models)}; the weakest decides"
        yield warning(
            "devices.alike", summary, fix="CUDA_DEVICE_ORDER=PCI_BUS_ID, and CUDA_VISIBLE_DEVICES of one kind"
        )


@rule("devices.driver")
def driver(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The driver must support the CUDA that PyTorch was built for.

    A driver runs every CUDA of its own major version ("minor version compatibility"), and older ones:
    https://docs.nvidia.com/deploy/cuda-compatibility/.
    """
    code, package = "devices.driver", launch.installation.package
    if launch.platform is not Platform.CUDA:
        return
    needed = cuda_of(package.parent) if package is not None else None
    device = next((d for d in visible(launch).devices or () if d.runtime.partition(".")[0].isdigit()), None)
    if needed is None or device is None:
        missing = "which CUDA PyTorch was built for" if needed is None else "which CUDA the driver supports"
        yield not_evaluated(code, f"nobody tells {missing}")
        return
    supported = _version(device.runtime)
    words = f"PyTorch is built for CUDA {needed[0]}.{needed[1]}, and driver {device.driver} supports {device.runtime}"
    if needed[0] > supported[0] and "compat" in launch.environment.get("LD_LIBRARY_PATH", ""):
        yield not_evaluated(code, f"{words}; the compatibility libraries in LD_LIBRARY_PATH may bridge it")
    elif needed[0] > supported[0]:
        yield failure(code, words, fix="a newer driver, or a vLLM built for an older CUDA")
    elif needed > supported:
        yield warning(code, f"{words}: kernels that are compiled at run time may be refused", fix="a newer driver")
    else:
        yield ok(code, words)


def cuda_of(site: Path) -> tuple[int, int] | None:
    """The CUDA that PyTorch was built for, by its version or the libraries that it brings; None when nothing tells."""
    for folder in sorted(site.glob("torch-*.dist-info")):
        match = re.search(r"\+cu(\d\d)(\d+)\.dist-info$", folder.name)
        if match:
            return int(match[1]), int(match[2])
    for folder in sorted(site.glob("nvidia_cuda_runtime*.dist-info"), reverse=True):
        match = re.match(r"nvidia_cuda_runtime(?:_cu\d+)?-(\d+)\.(\d+)", folder.name)
        if match:
            return int(match[1]), int(match[2])
    return None


def _version(text: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    numbers = [int(part) for part in re.findall(r"\d+", text)[:2]]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0


_SIZES = frozenset({2, 4, 6, 8, 16})  # `CustomAllreduce._SUPPORTED_WORLD_SIZES` of vLLM 0.32


@rule("devices.all_reduce")
def all_reduce(launch: Launch) -> Iterator[CompatibilityCheck]:
    """The all-reduce of vLLM itself works for some sizes; NCCL takes over for others, which costs some latency."""
    ranks = read_plan(launch.arguments).tensor
    if launch.platform is not Platform.CUDA or ranks == 1 or launch.arguments.get("disable_custom_all_reduce", bool):
        return
    if ranks not in _SIZES:
        summary = f"vLLM's own all-reduce does not work among {ranks} ranks; NCCL takes over"
        yield ok("devices.all_reduce", summary, "it works among 2, 4, 6, 8 and 16")


@rule("devices.sleep")
def sleep(launch: Launch) -> Iterator[CompatibilityCheck]:
    """Sleep mode needs a GPU."""
    if not launch.arguments.get("enable_sleep_mode", bool):
        return
    if launch.platform is Platform.CPU:
        yield failure("devices.sleep", "--enable-sleep-mode works on GPUs only", fix="leave it out")
    elif launch.platform is Platform.UNKNOWN:
        yield not_evaluated("devices.sleep", "nobody tells what vLLM will run on")
    else:
        yield ok("devices.sleep", f"sleep mode is possible on {launch.platform}")


RULES = (health, alike, driver, all_reduce, sleep)
