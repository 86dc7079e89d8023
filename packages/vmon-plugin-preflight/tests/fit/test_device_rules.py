"""Rules about the devices themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from vmon_core.devices import Device
from vmon_core.evidence import Health, Recovery
from vmon_plugin_preflight.fit import device_rules as rules
from vmon_testkit.trees import write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeLaunch, Verdicts

CUDA = "0.32.0+cu129"
GPU = Device(kind="nvidia", index=0, model="H100", driver="580.65.06", runtime="13.0", health=Health.HEALTHY)
SITE = "venv/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "ok"),
        ({"health": Health.UNKNOWN}, "not_evaluated"),
        ({"health": Health.DEGRADED, "reasons": ("rows are pending",)}, "warning"),
        ({"health": Health.UNHEALTHY, "recovery": Recovery.RESET_DEVICE}, "warning"),
        ({"lost": True}, "failure"),
    ],
)
def test_health(make_launch: MakeLaunch, verdicts: Verdicts, changes: dict[str, object], verdict: str) -> None:
    """Lost devices cannot be used, sick ones may fail, unknown ones are no bad news."""
    launch = make_launch("/m", devices=(attrs.evolve(GPU, **changes),), version=CUDA)
    assert verdicts(rules.health, launch) == {"devices.health": verdict}


def test_only_used_devices_count(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """A lost device that is hidden does not matter."""
    devices = (GPU, attrs.evolve(GPU, index=1, lost=True))
    assert verdicts(rules.health, make_launch("/m", devices=devices, version=CUDA)) == {"devices.health": "ok"}
    hidden = make_launch("/m", devices=devices, version=CUDA, environment={"CUDA_VISIBLE_DEVICES": "1"})
    assert verdicts(rules.health, hidden) == {"devices.health": "failure"}


def test_different_devices(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """They are worth a warning when ranks have to wait for each other."""
    devices = (GPU, attrs.evolve(GPU, index=1, model="A100"))
    assert verdicts(rules.alike, make_launch("/m", devices=devices, version=CUDA)) == {}
    launch = make_launch("/m", "-tp", "2", devices=devices, version=CUDA)
    assert verdicts(rules.alike, launch) == {"devices.alike": "warning"}


@pytest.mark.parametrize(
    ("torch", "runtime", "environment", "verdict"),
    [
        ("torch-2.13.0+cu129", "13.0", {}, "ok"),
        ("torch-2.13.0+cu129", "12.9", {}, "ok"),
        ("torch-2.13.0+cu129", "12.4", {}, "warning"),
        ("torch-2.13.0+cu130", "12.4", {}, "failure"),
        ("torch-2.13.0+cu130", "12.4", {"LD_LIBRARY_PATH": "/usr/local/cuda/compat"}, "not_evaluated"),
        ("nvidia_cuda_runtime_cu12-12.8.90", "11.8", {}, "failure"),
        ("nvidia_cuda_runtime-13.0.48", "13.0", {}, "ok"),
        ("torch-2.13.0", "13.0", {}, "not_evaluated"),
        ("torch-2.13.0+cu129", "", {}, "not_evaluated"),
    ],
)
def test_driver(  # noqa: PLR0913, PLR0917 (fixtures and parameters)
    make_launch: MakeLaunch,
    verdicts: Verdicts,
    tmp_path: Path,
    torch: str,
    runtime: str,
    environment: dict[str, str],
    verdict: str,
) -> None:
    """The driver runs every CUDA of its major version, and older ones."""
    write_tree(tmp_path, {f"{SITE}/{torch}.dist-info/METADATA": ""})
    device = attrs.evolve(GPU, runtime=runtime)
    launch = make_launch("/m", devices=(device,), version=CUDA, environment=environment)
    assert verdicts(rules.driver, launch) == {"devices.driver": verdict}


def test_all_reduce(make_launch: MakeLaunch, verdicts: Verdicts) -> None:
    """Three ranks work, by other means."""
    assert verdicts(rules.all_reduce, make_launch("/m", "-tp", "3", version=CUDA)) == {"devices.all_reduce": "ok"}
    assert verdicts(rules.all_reduce, make_launch("/m", "-tp", "4", version=CUDA)) == {}


@pytest.mark.parametrize(("version", "verdict"), [("0.32.0+cpu", "failure"), (CUDA, "ok")])
def test_sleep(make_launch: MakeLaunch, verdicts: Verdicts, version: str, verdict: str) -> None:
    """The CPU does not sleep."""
    launch = make_launch("/m", "--enable-sleep-mode", version=version)
    assert verdicts(rules.sleep, launch) == {"devices.sleep": verdict}
