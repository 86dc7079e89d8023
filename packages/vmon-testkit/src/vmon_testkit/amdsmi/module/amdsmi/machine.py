"""The scenario, as another process may change it at any time."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .amdsmi_exception import AmdSmiLibraryException

HANG_STEP = 0.02
"""Seconds between two looks whether a call still hangs."""

NOT_INIT, NOT_FOUND = 32, 31

_kept: dict[str, Any] = {"stamp": None, "data": None}


def scenario() -> dict[str, Any]:
    """Read the scenario; from memory while nobody has changed it."""
    path = os.environ["VMON_FAKE_AMDSMI"]
    status = os.stat(path)  # noqa: PTH116 (called for each call of the library)
    stamp = (status.st_ino, status.st_mtime_ns)
    if _kept["stamp"] != stamp:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (as above)
            _kept.update(stamp=stamp, data=json.load(file))
    data: dict[str, Any] = _kept["data"]
    return data


def check_import() -> None:
    """Fail as the real module does where ROCm's library is missing."""
    if "VMON_FAKE_AMDSMI" not in os.environ or scenario()["importable"]:
        raise KeyError(scenario()["importable"] if "VMON_FAKE_AMDSMI" in os.environ else "libamd_smi.so")


def enter(function: str) -> dict[str, Any]:
    """Begin a call: hang, or fail, where the scenario says so."""
    while function in scenario()["hangs"]:
        time.sleep(HANG_STEP)
    machine = scenario()
    code = machine["errors"].get(function)
    if code:
        raise AmdSmiLibraryException(code)
    return machine


def gpu_of(function: str, index: int) -> dict[str, Any]:
    """Begin a call about one GPU."""
    gpus = enter(function)["gpus"]
    if index >= len(gpus) or gpus[index]["lost"]:
        raise AmdSmiLibraryException(NOT_FOUND)
    gpu: dict[str, Any] = {"index": index, **gpus[index]}
    if function in gpu["errors"]:
        raise AmdSmiLibraryException(gpu["errors"][function])
    return gpu
