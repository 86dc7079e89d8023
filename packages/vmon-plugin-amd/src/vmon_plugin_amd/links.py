"""The xGMI links of a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from vmon_core.devices import DeviceLink
from vmon_plugin_amd.metrics import sample
from vmon_plugin_amd.values import at, number, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample
    from vmon_plugin_amd.figures import Answers

_UP = {"U": True, "D": False}
"""Marks of `amdsmi_get_gpu_xgmi_link_status`, which ROCm 6.3 lacks; `X` is a link that is switched off."""

_KIB = 1024.0

_NOWHERE = "0000:00:00.0"


@attrs.frozen
class Link:
    """One link.

    Attributes:
        index: its number on this GPU.
        remote: the PCI address of the GPU at the other end, "" where it is not told.
        up: whether it works; None where it is not told, or is switched off.
        received, sent: bytes so far.
    """

    index: int
    remote: str = ""
    up: bool | None = None
    received: float | None = None
    sent: float | None = None


def links(answers: Answers, xgmi: int | None) -> list[Link]:
    """The links that a GPU has.

    Args:
        answers: what the GPU tells.
        xgmi: the number of this kind of link, which is not the same in ROCm 6 and 7; None where the module has no name
            for it.
    """
    marks = at(answers.of("amdsmi_get_gpu_xgmi_link_status"), "status") or []
    told = at(answers.of("amdsmi_get_link_metrics"), "links") or []
    wired = [each for each in told if text(each.get("bdf")) not in ("", _NOWHERE) and each.get("link_type") == xgmi]
    count = max(len(wired), len(marks))
    return [_link(index, wired[index : index + 1], marks[index : index + 1]) for index in range(count)]


def _link(index: int, told: list[Any], mark: list[str]) -> Link:
    data = told[0] if told else {}
    received, sent = number(data.get("read")), number(data.get("write"))
    return Link(
        index,
        text(data.get("bdf")).lower(),
        _UP.get(mark[0]) if mark else None,
        None if received is None else received * _KIB,
        None if sent is None else sent * _KIB,
    )


def link_samples(gpu: str, found: list[Link], time: float) -> Iterator[Sample]:
    """What is measured on links."""
    for link in found:
        name = str(link.index)
        if link.up is not None:
            yield sample("gpu.link.up", float(link.up), time, gpu, link=name)
        for direction, value in (("received", link.received), ("sent", link.sent)):
            if value is not None:
                yield sample("gpu.link.traffic", value, time, gpu, link=name, direction=direction)


def device_links(found: list[Link]) -> tuple[DeviceLink, ...]:
    """The links as a device tells them; one that may be up counts as up."""
    return tuple(
        DeviceLink(kind="xgmi", index=link.index, remote=link.remote, remote_kind="gpu", up=link.up is not False)
        for link in found
    )
