"""What codes of this package mean, in words."""

from __future__ import annotations

import re

from vmon_plugin_nvidia.events.catalogue import load

_XID = re.compile(r"xid\.(\d{1,6})")


def explain(code: str) -> str | None:
    """Explain an Xid.

    Args:
        code: such as `xid.79`.

    Returns:
        What the table says; None for any other code.

    >>> print(explain("xid.79"))
    Xid 79: fallen off the bus (hardware). The GPU does not answer over PCIe any more: power, heat, the slot or the
    board itself. What helps, where the driver does not say: reboot_node.
    """
    match = _XID.fullmatch(code)
    if match is None:
        return None
    xid = load().find(int(match[1]))
    helps = f"What helps, where the driver does not say: {xid.recovery}."
    return f"Xid {xid.code}: {xid.name} ({xid.category}). {xid.text} {helps}"
