"""Who holds a GPU's memory, and which pages of it are retired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmon_core.devices import DeviceProcess
from vmon_plugin_amd.metrics import sample
from vmon_plugin_amd.values import at, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmon_core.records import Sample
    from vmon_plugin_amd.figures import Answers

_PAGES = {0: "reserved", 1: "pending", 2: "unreservable"}
"""The states of a bad page (`amdsmi_memory_page_status_t`)."""


def processes(answers: Answers) -> tuple[DeviceProcess, ...]:
    """The processes that the driver shows, each once.

    ROCm 5 returned handles instead of records; those tell nothing here.
    """
    told = answers.of("amdsmi_get_gpu_process_list")
    found: dict[int, int | None] = {}
    for each in told if isinstance(told, list) else ():
        pid = number(at(each, "pid"))
        if pid:
            found[int(pid)] = _memory(each)
    return tuple(DeviceProcess(pid, memory) for pid, memory in found.items())


def _memory(process: Any) -> int | None:  # noqa: ANN401 (a mapping of the library's)
    """Memory of the GPU in bytes; `mem` of older versions counts the host's memory too."""
    held = number(at(process, "memory_usage.vram_mem"))
    held = number(at(process, "mem")) if held is None else held
    return None if held is None else int(held)


def process_samples(gpu: str, found: tuple[DeviceProcess, ...], time: float) -> Iterator[Sample]:
    """What each process holds."""
    for process in found:
        if process.memory_bytes is not None:
            yield sample("gpu.process.memory", process.memory_bytes, time, gpu, pid=str(process.pid))


def page_samples(gpu: str, answers: Answers, time: float) -> Iterator[Sample]:
    """How many pages of the memory are retired; without any the library returns an empty list, or a text."""
    pages = answers.of("amdsmi_get_gpu_bad_page_info")
    if pages is None:
        return
    listed = pages if isinstance(pages, list) else []
    for status, kind in _PAGES.items():
        count = sum(1 for page in listed if number(at(page, "status")) == status)
        yield sample("gpu.pages.retired", count, time, gpu, type=kind)
