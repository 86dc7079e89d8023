"""Access Control Services: whether a bridge sends traffic between its devices up to the processor.

PCI Express Base Specification 5.0: extended capabilities 7.6, ACS 7.7.8. Only root sees the extended configuration
space; for others the kernel ends the file after 64 bytes, and the answer is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmon_plugin_topology.sysfs.files import Files

_FIRST, _SPACE = 0x100, 0x1000
_ACS = 0x000D
_REQUEST_REDIRECT, _COMPLETION_REDIRECT, _EGRESS_CONTROL = 1 << 2, 1 << 3, 1 << 5


def redirects(files: Files, config: str) -> bool | None:
    """Whether a bridge redirects peer-to-peer requests or completions, or controls where they may go.

    Args:
        files: the tree.
        config: the bridge's file `config` in it.

    Returns:
        None when the extended configuration space cannot be read.
    """
    offset, seen = _FIRST, set[int]()
    while _FIRST <= offset < _SPACE and offset not in seen:
        seen.add(offset)
        head = files.bytes(config, 8, offset)
        if len(head) < 8:  # noqa: PLR2004 (the header, capabilities and controls)
            return None
        word = int.from_bytes(head[:4], "little")
        if word == 0xFFFFFFFF:  # noqa: PLR2004 (a device that does not answer)
            return None
        if word & 0xFFFF == _ACS:
            control = int.from_bytes(head[6:8], "little")
            return bool(control & (_REQUEST_REDIRECT | _COMPLETION_REDIRECT | _EGRESS_CONTROL))
        offset = word >> 20
    return False
