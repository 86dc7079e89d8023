"""What each finding about a device means, for `vmon check --explain`; the same for every vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPLANATIONS: Mapping[str, str] = {
    "gpu.lost": """The driver knows the device and cannot reach it: it fell off the bus, or its firmware stopped. \
Everything that ran on it is lost, and a restart on it fails again.
Power, heat, the slot, the riser and the board itself are what to look at. A reboot of the machine is the least that \
helps.
""",
    "gpu.xid": """The driver of an NVIDIA GPU reported an error with a number, an Xid.
As information, it says that a program failed and that the device is well: restart the program. As an error, it \
speaks against the device, until a reset is seen, three days at most. Each number is explained under its own code, \
such as xid.79.
""",
    "gpu.recovery": """The driver itself asks for a reset, a reboot or a repair of the device.
Its word comes before every rule and table. Let the work end first where it only asks for that.
""",
    "gpu.driver": """The driver of the device reported a trouble of its own that has no other name.
The evidence has its words; the kernel log tells what came before.
""",
    "gpu.throttled": """The device was slowed down by heat, or by its hardware, in this minute or the last.
Limits of power and clocks that somebody chose do not count. A slowdown by the hardware in 6 of 10 minutes means \
that something is broken: the power supply, the cooling, or a sensor.
""",
    "gpu.overheating": """The device is at or above the temperature at which it slows itself down, in two readings \
in a row.
Look at the air flow, the fans and the room. A lower power limit gives less heat at once, and costs some speed.
""",
    "gpu.ecc": """The memory of the device had errors.
Corrected ones (a warning, above 10 a minute over 10 minutes) harm nobody, but a memory chip may be about to fail. \
Uncorrected ones (an error) may have made results wrong; they count until a reset.
""",
    "gpu.memory_rows": """Parts of the memory of the device were taken out of use, or should be.
Rows that wait to be remapped (a warning) need a reset of the device when its work allows it. A row that could not \
be remapped (an error), or 63 retired pages, is a reason to have it replaced.
""",
    "gpu.pcie": """The link to the host is slower than it could be while the device is at work, or repeats more than \
8 transfers a minute.
Idle devices lower their link on purpose, which does not count. A card that is not seated well, a riser, and the \
settings of the slot are the usual causes.
""",
    "gpu.link": """A link between devices, such as an NVLink, is down, has errors, or fewer links are up than on the \
others of the same model.
Tensor parallel work across it is slow or hangs. Keep such work off the device until it was reset.
""",
    "gpu.fabric": """The device has not joined its NVLink fabric, so that CUDA cannot start on it.
The service of the fabric manager has to run, in the version of the driver; its log says what it waits for.
""",
    "gpu.silent": """The plugin that reads the devices of a vendor has stopped to tell anything: its driver may \
hang.
How the devices are is not known then, so findings from before the silence are withdrawn. `vmon plugins info` says \
what became of the plugin. A call that hangs in the kernel ends with a reboot only.
""",
    "gpu.event": """Something happened to a device for which vmon has no finding of its own.
The summary has the event's code and words, and what would help where that is known.
""",
}
"""An explanation for each code in `vmon_core.device_health.findings.CODES`."""


def explain_finding(code: str) -> str | None:
    """Explain the code of a finding about devices, for the `vmon_explain` hook of a vendor's plugin.

    Args:
        code: such as `gpu.lost`.

    Returns:
        Some sentences; None for any other code.

    >>> print(explain_finding("gpu.fabric").splitlines()[0])
    The device has not joined its NVLink fabric, so that CUDA cannot start on it.
    >>> explain_finding("memory.weights")
    """
    text = EXPLANATIONS.get(code)
    return text.rstrip() if text is not None else None
