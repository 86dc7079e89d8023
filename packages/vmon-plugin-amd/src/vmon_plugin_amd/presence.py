"""Whether AMD GPUs can be read here at all; cheap, since every start of vmon asks, on machines of other vendors too."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

ROOT = "VMON_AMD_ROOT"
"""The environment variable that says where `sys` and `proc` are, for captures and tests; without it that is `/`."""


def why_absent() -> str:
    """Say why there is nothing to read; "" when there may be something.

    Nothing of AMD's is imported and no device is touched: the module's directory and the kernel's are looked at.
    """
    if not (_root() / "sys/module/amdgpu").is_dir():
        return "there are no AMD GPUs: the amdgpu driver is not loaded"
    if importlib.util.find_spec("amdsmi") is None:
        return (
            "AMD GPUs are not read: the Python module amdsmi is missing; ROCm brings it, "
            "`pip install $ROCM_PATH/share/amd_smi` installs it beside vmon"
        )
    return ""


def has_nvidia() -> bool:
    """Whether NVIDIA's driver has GPUs here: then facts without a vendor's name are about those."""
    return any((_root() / "proc/driver/nvidia/gpus").glob("*"))


def _root() -> Path:
    return Path(os.environ.get(ROOT, "/"))
