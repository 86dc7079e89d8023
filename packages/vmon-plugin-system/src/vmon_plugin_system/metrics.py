"""The catalogue: every metric that this plugin gives, and the only way to make a sample of one."""

from __future__ import annotations

import attrs

from vmon_core.records import Sample


@attrs.frozen
class Metric:
    """What a metric means.

    Attributes:
        name: its canonical name.
        unit: bytes, seconds or ratio (0 to 1); "" for a plain count.
        meaning: one sentence for people.
        labels: the names of its labels, sorted.
        counter: whether it only grows.
    """

    name: str
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    counter: bool = False


_PATH = ("path",)
_PROCESS = ("name", "pid")

CATALOGUE: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("system.cpu.usage", "ratio", "Share of all processors' time that was used since the last measurement."),
        Metric(
            "system.cpu.pressure", "ratio", "Share of the last 10 s in which some task waited for a processor (PSI)."
        ),
        Metric("system.memory.used", "bytes", "Memory in use."),
        Metric("system.memory.available", "bytes", "Memory that can be given to programs without swapping."),
        Metric("system.memory.total", "bytes", "Memory of the machine."),
        Metric("system.swap.used", "bytes", "Swap space in use."),
        Metric("system.disk.used", "bytes", "Space in use on the file system that holds the path.", _PATH),
        Metric("system.disk.free", "bytes", "Space that is left there for ordinary users.", _PATH),
        Metric("system.disk.read", "bytes", "Read from all disks since boot.", counter=True),
        Metric("system.disk.written", "bytes", "Written to all disks since boot.", counter=True),
        Metric("system.network.received", "bytes", "Received by all network cards since boot.", counter=True),
        Metric("system.network.sent", "bytes", "Sent by all network cards since boot.", counter=True),
        Metric("system.load.1m", "", "Tasks that ran or waited to run, averaged over one minute."),
        Metric("system.files.open", "", "File handles that the kernel has allocated, for all processes together."),
        Metric("process.cpu.seconds", "seconds", "Processor time used, user and system.", _PROCESS, counter=True),
        Metric("process.memory.rss", "bytes", "Resident memory, shared pages included.", _PROCESS),
        Metric("process.threads", "", "Threads.", _PROCESS),
        Metric("process.files.open", "", "Open file descriptors.", _PROCESS),
        Metric("process.io.read", "bytes", "Fetched from storage for it.", _PROCESS, counter=True),
        Metric("process.io.written", "bytes", "Sent to storage by it.", _PROCESS, counter=True),
    )
}
"""Every metric by its name."""


def sample(name: str, value: float, time: float, /, **labels: str) -> Sample:
    """Make a sample of a metric of the catalogue.

    Args:
        name: the metric.
        value: in the metric's unit.
        time: when it was read, Unix seconds.
        **labels: exactly the metric's labels.

    Raises:
        KeyError: there is no such metric.

    >>> sample("system.disk.free", 5, 0.0, path="/data")
    Sample(name='system.disk.free', value=5.0, time=0.0, labels=(('path', '/data'),), unit='bytes', counter=False)
    """
    metric = CATALOGUE[name]
    return Sample(name, float(value), time, tuple(sorted(labels.items())), metric.unit, metric.counter)
