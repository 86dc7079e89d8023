"""What plugins may need to know of AMD's GPUs before they are chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from vmon_plugin_amd.presence import has_nvidia

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmon_core.devices import Device

_GIB = 1 << 30


def facts(devices: Sequence[Device]) -> dict[str, str]:
    """Make facts of the devices, each written as a version.

    Of two plugins that tell one fact the first counts, so names without a vendor are told only where NVIDIA has no
    GPUs: on a machine with both, `gpu.count` counts NVIDIA's and `amd.gpu-count` AMD's, in whatever order plugins load.
    """
    if not devices:
        return {}
    least = min((d.memory_bytes for d in devices if d.memory_bytes), default=0)
    shared = {"gpu.count": str(len(devices)), "gpu.memory-gib": str(round(least / _GIB)) if least else ""}
    told = {
        "amd.gpu-count": str(len(devices)),
        "amd.driver": _version(devices[0].driver),
        "rocm": _version(devices[0].runtime),
        **({} if has_nvidia() else shared),
    }
    return {name: value for name, value in told.items() if value}


def _version(text: str) -> str:
    """The leading numbers of a version, such as `6.10.5` of `6.10.5-2084815.24.04`; "" when it has none.

    An in-tree driver tells the kernel's version here.
    """
    found = re.match(r"\d+(\.\d+)*", text)
    try:
        return str(Version(found[0])) if found else ""
    except InvalidVersion:
        return ""
