"""What is known of the machine before plugins are chosen: what the system tells, and what plugins add by `vmon_facts`.

| fact | from |
|---|---|
| `cpu.count` | the processors that this process may use |
| `memory.gib` | the memory that it may use, in GiB, rounded: a machine with 16 GiB shows a little less |
| `numa.nodes` | `/sys/devices/system/node` |
| `kernel` | the running kernel's version |
| `python` | the running Python's version |
| `gpu.count`, `nvidia.driver` | `/proc/driver/nvidia`; not known where NVIDIA's driver is not loaded |
| `gpu.compute-capability`, `gpu.memory-gib`, `cuda` | told by a plugin; the least one where GPUs differ |
| `amd.gpu-count`, `amd.driver`, `rocm` | told by vmon-plugin-amd; it tells `gpu.count` where NVIDIA has no GPUs |
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from vmon_core.errors import PluginError
from vmon_core.host.checks import implementations
from vmon_core.host.guarded import DEADLINE, guarded
from vmon_core.host.resolution.records import Fact
from vmon_core.lifecycle.capture.files import read
from vmon_core.lifecycle.capture.hardware import hardware
from vmon_core.records import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmon_core.host.say import Say

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")
_DRIVER = re.compile(r"Kernel Module.*?\s(\d+(?:\.\d+)+)\s")
_GIB = 1 << 30


def of_machine(root: Path = Path("/")) -> dict[str, Fact]:
    """What the core knows by itself.

    Args:
        root: where `proc` and `sys` are found.

    Returns:
        The facts by name; what cannot be read is left out.
    """
    known = hardware(root)
    memory = min((known[key] for key in ("memory_bytes", "memory_limit_bytes") if key in known), default=0)
    kernel = _NUMBERS.match(known.get("kernel", ""))
    found = {
        "cpu.count": str(known.get("cpus_allowed", "")),
        "memory.gib": str(round(memory / _GIB)) if memory else "",
        "numa.nodes": str(len(known.get("numa_nodes", ())) or ""),
        "kernel": kernel[0] if kernel else "",
        "python": platform.python_version(),
        **_nvidia(root / "proc/driver/nvidia"),
    }
    return {name: Fact(value, "vmon") for name, value in found.items() if value}


def _nvidia(folder: Path) -> dict[str, str]:
    """What the driver's own files tell; see its README, section "proc interface"."""
    driver = _DRIVER.search(read(folder / "version") + " ")
    if driver is None:
        return {}
    return {"nvidia.driver": driver[1], "gpu.count": str(len(list((folder / "gpus").glob("*"))))}


def of_plugins(plugins: Iterable[tuple[str, object]], say: Say, deadline: float = DEADLINE) -> dict[str, Fact]:
    """Ask plugins what they know of the machine, each in isolation; of two that tell one fact, the first counts.

    Args:
        plugins: names and objects, in the order in which they count.
        say: is told of those that fail, and of facts that are none.
        deadline: seconds that each may take.

    Returns:
        The facts by name.
    """
    found: dict[str, Fact] = {}
    for name, plugin in plugins:
        tell = dict(implementations(plugin)).get("vmon_facts")
        if tell is None:
            continue
        try:
            told = guarded(partial(_told, name, tell), f"asking {name} for facts", say, deadline)
            found = {**told, **found}
        except PluginError as error:
            say(Severity.WARNING, "plugins", str(error), plugin=name)
    return found


def _told(plugin: str, tell: Callable[[], object]) -> dict[str, Fact]:
    """Ask one plugin; reading its answer runs its code as well."""
    told = tell()
    if not isinstance(told, Mapping):
        msg = f"vmon_facts of plugin {plugin} must return a mapping, not {type(told).__name__}"
        raise PluginError(msg)
    facts = {str(name): value for name, value in told.items()}
    for name, value in facts.items():
        try:
            Version(value)
        except (InvalidVersion, TypeError):
            msg = f"vmon_facts of plugin {plugin}: {name} is {value!r}, which is not written as a version"
            raise PluginError(msg) from None
    return {name: Fact(value, plugin) for name, value in facts.items()}
