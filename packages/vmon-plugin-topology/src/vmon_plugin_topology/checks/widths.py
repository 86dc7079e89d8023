"""Whether PCIe links use all the lanes that they could."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_plugin_topology.checks.explanations import LINK_WIDTH
from vmon_plugin_topology.drawing.outline import title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_plugin_topology.graph import Link, Topology

_check = partial(CompatibilityCheck, code=LINK_WIDTH)


def link_width(topology: Topology) -> Iterator[CompatibilityCheck]:
    """Look at the links of accelerators and RDMA cards, and at those above them.

    Speeds are not judged: idle devices lower them.
    """
    known = [link for link in _links(topology) if link.width and link.width_max]
    narrow = [link for link in known if link.width != link.width_max]
    if not known:
        yield _check(verdict=CheckVerdict.NOT_EVALUATED, summary="the machine tells no widths of PCIe links")
    elif not narrow:
        yield _check(verdict=CheckVerdict.OK, summary=f"all {len(known)} PCIe links use their full width")
    else:
        yield _check(
            verdict=CheckVerdict.WARNING,
            summary=f"{len(narrow)} of {len(known)} PCIe links use fewer lanes than both of their ends have",
            evidence=tuple(_words(topology, link) for link in narrow),
            fix="seat the card and its riser anew, and look for split slots in the firmware; lspci -vv shows LnkSta",
        )


def _links(topology: Topology) -> list[Link]:
    """The PCIe links from accelerators and RDMA cards up."""
    cards = (*topology.gpus, *(nic for nic in topology.nics if nic.rdma))
    nodes = {node.id for card in cards for node in (card, *topology.ancestors(card))}
    return [link for node, link in topology.uplinks.items() if node in nodes]


def _words(topology: Topology, link: Link) -> str:
    name = title(topology.by_id[link.ends[1]])
    where = "" if link.ends[1] in name else f" ({link.ends[1]})"
    return f"{name}{where}: x{link.width}, and both ends can x{link.width_max}"
