"""Whether the GPUs of each tensor parallel group are near to each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vmon_core.records import CheckVerdict, CompatibilityCheck
from vmon_plugin_topology.checks.explanations import PARALLEL_PATH
from vmon_plugin_topology.grouping import SLOW, arranged, worst
from vmon_plugin_topology.relations import MEANINGS, RANKS, Path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmon_plugin_topology.graph import Node, Topology
    from vmon_plugin_topology.placement import Placement

_DIRECT = "direct links"
_check = partial(CompatibilityCheck, code=PARALLEL_PATH)


def parallel_path(topology: Topology, place: Placement) -> Iterator[CompatibilityCheck]:
    """Compare the groups of a launch with what the machine could offer."""
    if place.unknown:
        summary = f"which devices work together is not known: {place.unknown}"
        yield _check(verdict=CheckVerdict.NOT_EVALUATED, summary=summary)
    if not place.groups:
        return
    ways = [worst(topology, group) for group in place.groups]
    slowest = max(ways, key=RANKS.__getitem__)
    told = (_DIRECT if way is Path.LINK else way for way in ways)
    evidence = tuple(f"{_names(group)}: {words}" for group, words in zip(place.groups, told, strict=True))
    if slowest is Path.UNKNOWN:
        summary = "the machine does not tell how the devices of a group are connected"
        yield _check(verdict=CheckVerdict.NOT_EVALUATED, summary=summary, evidence=evidence)
    elif slowest not in SLOW:
        summary = f"the slowest way in a tensor parallel group is {_words(slowest)}"
        yield _check(verdict=CheckVerdict.OK, summary=summary, evidence=evidence)
    else:
        yield _slow(topology, place, slowest, evidence)


def _slow(topology: Topology, place: Placement, slowest: Path, evidence: tuple[str, ...]) -> CompatibilityCheck:
    """Judge a slow way by whether there is a better one: among the visible devices first, then among all."""
    size, count = len(place.groups[0]), len(place.groups)
    models = {gpu.model for gpu in place.visible}
    for gpus in (place.visible, [gpu for gpu in topology.gpus if gpu.model in models]):
        better = arranged(topology, gpus, size, count)
        way = max((worst(topology, group) for group in better), key=RANKS.__getitem__, default=Path.UNKNOWN)
        if RANKS[way] < RANKS[slowest]:
            return _check(
                verdict=CheckVerdict.WARNING,
                summary=f"a tensor parallel group needs {_words(slowest)}; other devices would need {_words(way)}",
                evidence=(*evidence, *(f"better: {_names(group)}" for group in better)),
                fix=_fix(better),
            )
    summary = f"a tensor parallel group needs {_words(slowest)}, and no other choice on this machine is better"
    return _check(verdict=CheckVerdict.OK, summary=summary, evidence=evidence)


def _fix(groups: Sequence[Sequence[Node]]) -> str:
    numbers = [gpu.name.removeprefix("GPU") for group in groups for gpu in group]
    if not all(number.isdecimal() for number in numbers):
        return f"make these visible, in this order: {', '.join(gpu.name for group in groups for gpu in group)}"
    return f"CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES={','.join(numbers)}, if these are free"


def _names(group: Sequence[Node]) -> str:
    return ", ".join(gpu.name for gpu in group)


def _words(way: Path) -> str:
    return f"{way} ({MEANINGS[way]})" if way is not Path.LINK else _DIRECT
